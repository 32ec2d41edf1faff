"""Training with pictures: the gradient reaches the weights that see, by the warm start and by GRPO through TRL."""

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl", reason="needs the extra llm")

import torch
from transformers import TrainerCallback

from maestro_agents.llm.generation import Sampling
from maestro_agents.llm.grpo_settings import GrpoSettings
from maestro_agents.llm.layout import Layout
from maestro_agents.llm.pretrained import Pretrained, layout_of
from maestro_agents.llm.rollout import Rollout
from maestro_agents.llm.supervised import Fit, cross_entropy, fit, to_batch
from maestro_agents.llm.traces import random_traces, replay
from maestro_agents.llm.trl_adapter import GrpoTraining
from maestro_env.text.env import MaestroTextEnv

SETTINGS = GrpoSettings(
    steps=2,
    questions=6,
    group_size=4,
    lr=1e-3,
    lr_schedule="linear",
    max_grad_norm=1e9,
    beta=0.0,
    epsilon=0.2,
    scale_rewards="group",
    loss_type="grpo",
    episodes_at_once=8,
    save_every=2,
    seed=5,
)


def layout(pretrained: Pretrained) -> Layout:
    return layout_of(pretrained.tokeniser, layout="chat", instructions=False, pictures=pretrained.pictures)


def vision_weights(model: Any) -> dict[str, torch.Tensor]:
    return {name: weight.detach().clone() for name, weight in model.named_parameters() if ".visual." in name}


def moved(before: dict[str, torch.Tensor], model: Any) -> set[str]:
    """The weights of the picture's encoder that are not what they were."""
    return {name for name, weight in vision_weights(model).items() if not torch.equal(weight, before[name])}


@pytest.fixture
def traces(seeing: Pretrained, picture_env: MaestroTextEnv) -> list[Rollout]:
    found = list(random_traces(picture_env, picture_env.task_ids[:6], most_calls=1, seed=0))
    return [replay(picture_env, trace, tokeniser=seeing.tokeniser, layout=layout(seeing)) for trace in found]


def test_fit__moves_the_weights_that_see(seeing: Pretrained, traces: list[Rollout]) -> None:
    model = copy.deepcopy(seeing.model)
    before = vision_weights(model)
    settings = Fit(epochs=1, batch_size=3, lr=1e-2, max_grad_norm=1.0, weight_decay=0.0, seed=0)
    fit(model, traces, settings, pad_id=seeing.tokeniser.pad_id, pictures=seeing.pictures)
    assert moved(before, model) == set(before)


def test_fit__loss_of_a_batch_is_that_of_its_rows(seeing: Pretrained, traces: list[Rollout]) -> None:
    """Pictures of three sizes in one row of patches; alone, each row has its own."""

    def loss(rollouts: list[Rollout]) -> torch.Tensor:
        batch = to_batch(rollouts, pad_id=seeing.tokeniser.pad_id, pictures=seeing.pictures)
        logits_BTV = seeing.model(input_ids=batch.ids_BT, attention_mask=batch.attend_BT, **batch.shown).logits
        return cross_entropy(logits_BTV, batch)

    with torch.no_grad():
        numbers = torch.tensor([rollout.num_policy_tokens for rollout in traces[:3]])
        alone = torch.stack([loss([rollout]) for rollout in traces[:3]])
        torch.testing.assert_close(loss(traces[:3]), (alone * numbers).sum() / numbers.sum())


def test_cross_entropy__no_placeholder_is_a_target(seeing: Pretrained, traces: list[Rollout]) -> None:
    batch = to_batch(traces, pad_id=seeing.tokeniser.pad_id, pictures=seeing.pictures)
    logits_BTV = torch.zeros(*batch.ids_BT.shape, 340, requires_grad=True)
    cross_entropy(logits_BTV, batch).backward()
    assert logits_BTV.grad is not None
    touched_BT = (logits_BTV.grad != 0).any(dim=-1)
    placeholders_BT = batch.shown["mm_token_type_ids"] == 1
    assert placeholders_BT.sum() == sum((2, 4, 6)[place % 3] for place in range(6))
    assert touched_BT.any()
    # What stands at a place makes the next token's probability.
    assert not (touched_BT[:, :-1] & placeholders_BT[:, 1:]).any()


class Kept(TrainerCallback):
    """The weights and the gradient of the first step."""

    def __init__(self) -> None:
        self.gradient: dict[str, torch.Tensor] = {}

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        del args, state, control
        if not self.gradient:
            self.gradient = {name: weight.grad.clone() for name, weight in kwargs["model"].named_parameters()}


def train(
    env: MaestroTextEnv, pretrained: Pretrained, folder: Path, **changes: Any
) -> tuple[GrpoTraining, list[Rollout], Kept]:
    rollouts: list[Rollout] = []
    training = GrpoTraining(
        env,
        pretrained,
        replace(SETTINGS, **changes),
        task_ids=env.task_ids[:20],
        sampling=Sampling(max_new_tokens=50),
        layout=layout(pretrained),
        folder=folder,
        after_rollouts=lambda _, batch: rollouts.extend(batch),
    )
    kept = Kept()
    training.trainer.add_callback(kept)
    training.run()
    return training, rollouts, kept


def reference_loss(model: Any, pretrained: Pretrained, rollouts: list[Rollout]) -> torch.Tensor:
    """GRPO, one episode after the other, each with its own picture: no batch, no padding."""
    assert pretrained.pictures is not None
    rewards = torch.tensor([rollout.reward for rollout in rollouts]).view(-1, SETTINGS.group_size)
    advantages = (rewards - rewards.mean(dim=1, keepdim=True)) / (rewards.std(dim=1, keepdim=True) + 1e-4)
    loss = torch.tensor(0.0)
    for rollout, advantage in zip(rollouts, advantages.flatten(), strict=True):
        ids = torch.tensor([rollout.prompt_ids + rollout.completion_ids])
        logits = model(ids, **pretrained.pictures.inputs(ids, [rollout.views])).logits
        before = logits[0, len(rollout.prompt_ids) - 1 : -1].log_softmax(dim=-1)
        logprobs = before.gather(1, torch.tensor(rollout.completion_ids)[:, None])[:, 0]
        own = torch.tensor(rollout.policy_mask)
        torch.testing.assert_close(torch.tensor(rollout.logprobs)[own], logprobs[own], atol=1e-4, rtol=0)
        ratio = (logprobs - logprobs.detach()).exp()
        loss = loss - (ratio * advantage)[own].mean() / len(rollouts)
    return loss


def test_grpo__two_steps_move_the_weights_that_see(
    picture_env: MaestroTextEnv, taught_seeing: Pretrained, tmp_path: Path
) -> None:
    before = vision_weights(taught_seeing.model)
    training, rollouts, _ = train(picture_env, taught_seeing, tmp_path)
    assert training.trainer.state.global_step == 2
    assert {sum(view.num_images for view in rollout.views) for rollout in rollouts} == {1}
    assert moved(before, taught_seeing.model) == set(before)
    assert (tmp_path / "checkpoint-2" / "preprocessor_config.json").is_file()


def test_grpo__loss_and_gradient_equal_a_reference(
    picture_env: MaestroTextEnv, taught_seeing: Pretrained, tmp_path: Path
) -> None:
    model = copy.deepcopy(taught_seeing.model)
    training, rollouts, kept = train(picture_env, taught_seeing, tmp_path, steps=1)
    assert len({rollout.views[0].load()[0].size for rollout in rollouts}) > 1
    assert len({rollout.reward for rollout in rollouts}) > 1
    loss = reference_loss(model, taught_seeing, rollouts)
    loss.backward()
    assert training.trainer.state.log_history[0]["loss"] == pytest.approx(loss.item(), abs=1e-4)
    for part in (".visual.", ".language_model."):
        expected: dict[str, Any] = {name: weight.grad for name, weight in model.named_parameters() if part in name}
        assert expected
        assert [name for name in expected if not kept.gradient[name].any()] == []
        difference = torch.cat([(kept.gradient[name] - gradient).flatten() for name, gradient in expected.items()])
        assert difference.norm() < 1e-3 * torch.cat([gradient.flatten() for gradient in expected.values()]).norm()
