"""GRPO through TRL, checked against a short implementation of its own and against what was sampled."""

import copy
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl", reason="needs the extra llm")

import torch
from transformers import TrainerCallback

from maestro_agents.llm.byte_tokeniser import ByteTokeniser
from maestro_agents.llm.generation import Sampling
from maestro_agents.llm.grpo_settings import GrpoSettings
from maestro_agents.llm.layout import Layout
from maestro_agents.llm.rollout import Rollout, play
from maestro_agents.llm.scripted import ScriptedGenerator
from maestro_agents.llm.trl_adapter import GrpoTraining, as_trl
from maestro_env.errors import ConfigurationError
from maestro_env.testing import fake_recording
from maestro_env.text.env import MaestroTextEnv
from maestro_env.types import Outcome

SETTINGS = GrpoSettings(
    steps=1,
    questions=3,
    group_size=4,
    lr=1e-3,
    lr_schedule="linear",
    max_grad_norm=1e9,
    beta=0.0,
    epsilon=0.2,
    scale_rewards="group",
    loss_type="grpo",
    episodes_at_once=6,
    save_every=2,
    seed=5,
)


class KeepGradients(TrainerCallback):
    """Keeps the gradient of the step, before anything else happens to it."""

    def __init__(self) -> None:
        self.of: dict[str, torch.Tensor] = {}

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        del args, state, control
        self.of = {name: weight.grad.clone() for name, weight in kwargs["model"].named_parameters()}


def train(
    env: MaestroTextEnv, pretrained: Any, folder: Path, *, resume_from: Path | None = None, **changes: Any
) -> tuple[GrpoTraining, list[Rollout], KeepGradients]:
    rollouts: list[Rollout] = []
    training = GrpoTraining(
        env,
        pretrained,
        replace(SETTINGS, **changes),
        task_ids=env.task_ids[:20],
        sampling=Sampling(max_new_tokens=50),
        layout=Layout(instructions=False),
        folder=folder,
        after_rollouts=lambda _, batch: rollouts.extend(batch),
    )
    kept = KeepGradients()
    training.trainer.add_callback(kept)
    training.run(resume_from=resume_from)
    return training, rollouts, kept


def logprobs_of(model: Any, rollout: Rollout) -> torch.Tensor:
    ids = torch.tensor([rollout.prompt_ids + rollout.completion_ids])
    before = model(ids).logits[0, len(rollout.prompt_ids) - 1 : -1].log_softmax(dim=-1)
    return before.gather(1, torch.tensor(rollout.completion_ids)[:, None])[:, 0]


def advantages_of(rollouts: list[Rollout], group_size: int) -> torch.Tensor:
    rewards = torch.tensor([rollout.reward for rollout in rollouts]).view(-1, group_size)
    centred = rewards - rewards.mean(dim=1, keepdim=True)
    return (centred / (rewards.std(dim=1, keepdim=True) + 1e-4)).flatten()


def reference_loss(model: Any, rollouts: list[Rollout], group_size: int) -> torch.Tensor:
    """GRPO, one episode after the other: no batch, no padding."""
    loss = torch.tensor(0.0)
    for rollout, advantage in zip(rollouts, advantages_of(rollouts, group_size), strict=True):
        logprobs = logprobs_of(model, rollout)
        own = torch.tensor(rollout.policy_mask)
        ratio = (logprobs - logprobs.detach()).exp()
        loss = loss - (ratio * advantage)[own].mean() / len(rollouts)
    return loss


def test_adapter__loss_and_gradient_equal_a_reference(text_env: MaestroTextEnv, taught: Any, tmp_path: Path) -> None:
    model = copy.deepcopy(taught.model)
    training, rollouts, kept = train(text_env, taught, tmp_path)
    loss = reference_loss(model, rollouts, SETTINGS.group_size)
    loss.backward()
    assert training.trainer.state.log_history[0]["loss"] == pytest.approx(loss.item(), abs=1e-4)
    assert max(gradient.abs().max().item() for gradient in kept.of.values()) > 1e-3
    for name, weight in model.named_parameters():
        torch.testing.assert_close(kept.of[name], weight.grad, atol=2e-5, rtol=1e-3)


def test_adapter__episodes_arrive_in_groups(text_env: MaestroTextEnv, taught: Any, tmp_path: Path) -> None:
    _, rollouts, _ = train(text_env, taught, tmp_path)
    groups = [rollouts[first : first + 4] for first in range(0, 12, 4)]
    assert [len({each.task_id for each in group}) for group in groups] == [1, 1, 1]
    assert len({group[0].task_id for group in groups}) == 3
    assert len({each.completion_ids for each in rollouts}) > 3


def test_adapter__logprobs_belong_to_the_tokens_that_were_sampled(
    text_env: MaestroTextEnv, taught: Any, tmp_path: Path
) -> None:
    model = copy.deepcopy(taught.model).eval()
    _, rollouts, _ = train(text_env, taught, tmp_path)
    assert any(rollout.num_turns > 1 for rollout in rollouts)
    for rollout in rollouts:
        own = torch.tensor(rollout.policy_mask)
        with torch.no_grad():
            expected = logprobs_of(model, rollout)
        torch.testing.assert_close(torch.tensor(rollout.logprobs)[own], expected[own], atol=1e-4, rtol=0)


def test_adapter__gradient_is_zero_on_what_the_environment_said(
    text_env: MaestroTextEnv, taught: Any, tmp_path: Path
) -> None:
    seen: list[torch.Tensor] = []

    def keep(module: Any, inputs: Any, output: Any) -> None:
        # The last hidden state: what stands at a place there makes the next token's probability, and nothing else.
        del module, inputs
        if output.last_hidden_state.requires_grad:
            output.last_hidden_state.retain_grad()
            seen.append(output.last_hidden_state)

    hook = taught.model.model.register_forward_hook(keep)
    _, rollouts, _ = train(text_env, taught, tmp_path, episodes_at_once=12)
    hook.remove()
    (hidden_BTD,) = seen
    assert hidden_BTD.grad is not None
    width = max(len(rollout.completion_ids) for rollout in rollouts) + 1
    touched_BT = (hidden_BTD.grad != 0).any(dim=-1)
    assert not touched_BT[:, : -width - 1].any()
    assert any(not all(rollout.policy_mask) for rollout in rollouts)
    # TRL plays a shuffled batch, so each row must be some episode's mask; nothing where there is no advantage.
    masks = {(*rollout.policy_mask, *[False] * (width - len(rollout.policy_mask))) for rollout in rollouts}
    zero = (False,) * width
    rows = [tuple(row.tolist()) for row in touched_BT[:, -width - 1 : -1]]
    assert all(row in masks or row == zero for row in rows)
    advantages = advantages_of(rollouts, SETTINGS.group_size)
    assert sum(row != zero for row in rows) == int((advantages != 0).sum())


def test_adapter__same_seed_same_weights_another_seed_others(
    text_env: MaestroTextEnv, taught_state: Any, tmp_path: Path
) -> None:
    def weights(name: str, seed: int) -> torch.Tensor:
        pretrained = replace(taught_state, model=copy.deepcopy(taught_state.model))
        train(text_env, pretrained, tmp_path / name, steps=2, seed=seed)
        return torch.cat([weight.detach().flatten() for weight in pretrained.model.parameters()])

    first = weights("a", 5)
    assert torch.equal(first, weights("b", 5))
    assert not torch.equal(first, weights("c", 6))


def test_adapter__goes_on_exactly_where_it_was_stopped(
    text_env: MaestroTextEnv, taught_state: Any, tmp_path: Path
) -> None:
    whole = replace(taught_state, model=copy.deepcopy(taught_state.model))
    _, undisturbed, _ = train(text_env, whole, tmp_path / "whole", steps=4)
    again = replace(taught_state, model=copy.deepcopy(taught_state.model))
    checkpoint = tmp_path / "whole" / "checkpoint-2"
    _, resumed, _ = train(text_env, again, tmp_path / "again", steps=4, resume_from=checkpoint)
    assert [each.completion_ids for each in resumed] == [each.completion_ids for each in undisturbed[24:]]
    for one, other in zip(whole.model.parameters(), again.model.parameters(), strict=True):
        assert torch.equal(one, other)


def test_as_trl__expert_failure_has_no_reward(text_env: MaestroTextEnv, taught: Any, tmp_path: Path) -> None:
    _, rollouts, _ = train(text_env, taught, tmp_path)
    failed = replace(rollouts[0], outcome=Outcome.EXPERT_ERROR)
    handed = as_trl([failed, rollouts[1]], end_id=3)
    assert handed["outcome_reward"] == [None, rollouts[1].outcome_reward]
    assert handed["format_reward"][0] is None
    assert handed["env_mask"][0] == [*map(int, failed.policy_mask), 0]
    assert handed["completion_ids"][0][-1] == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"group_size": 1}, "group_size=1 must be at least 2"),
        ({"lr": 0.0}, "lr=0.0 must be above 0"),
        ({"episodes_at_once": 5}, "episodes_at_once=5 does not divide the 3 x 4 episodes"),
        ({"processes": 4}, "episodes_at_once=6 in each of 4 processes does not divide the 3 x 4 episodes"),
    ],
)
def test_settings__without_meaning(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        replace(SETTINGS, **changes)


def test_training__too_few_tasks(text_env: MaestroTextEnv, taught: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="20 tasks are fewer than the 30 questions"):
        train(text_env, taught, tmp_path, questions=30)


def test_adapter__failure_of_an_expert_moves_nothing(taught: Any, tmp_path: Path) -> None:
    """Its episode has no gradient, and the others of its group are compared with one another alone."""
    failing = fake_recording(num_tasks=60, failing=0.5)
    env = MaestroTextEnv(
        recording=failing, registry=None, prompt="compact", images=False, max_turns=2, on_failure="truncate"
    )
    model = copy.deepcopy(taught.model)
    _, rollouts, kept = train(env, taught, tmp_path, seed=6)
    assert 0 < sum(rollout.outcome is Outcome.EXPERT_ERROR for rollout in rollouts) < 12
    loss = torch.tensor(0.0)
    for first in range(0, 12, 4):
        scored = [each for each in rollouts[first : first + 4] if each.outcome is not Outcome.EXPERT_ERROR]
        if len(scored) < 2:  # nothing to be compared with
            continue
        for rollout, advantage in zip(scored, advantages_of(scored, len(scored)), strict=True):
            logprobs = logprobs_of(model, rollout)
            ratio = (logprobs - logprobs.detach()).exp()
            loss = loss - (ratio * advantage)[torch.tensor(rollout.policy_mask)].mean() / len(rollouts)
    loss.backward()
    assert max(gradient.abs().max().item() for gradient in kept.of.values()) > 1e-3
    for name, weight in model.named_parameters():
        torch.testing.assert_close(kept.of[name], weight.grad, atol=2e-5, rtol=1e-3)


def test_training__another_number_of_processes(text_env: MaestroTextEnv, taught: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"1 processes were started.*for 2.*--num_processes 2"):
        train(text_env, taught, tmp_path, processes=2)


def test_as_trl__text_that_was_encoded_again_is_not_trained_on(text_env: MaestroTextEnv) -> None:
    generator = ScriptedGenerator(lambda said: "<answer> 7 </answer>", ByteTokeniser())
    (known,) = play(text_env, generator, text_env.task_ids[:1], sampling=Sampling(max_new_tokens=90), layout=Layout())
    with pytest.raises(ConfigurationError, match=r"exchanged as text.*Play with a backend that gives tokens"):
        as_trl([replace(known, logprobs=(math.nan,) * len(known.logprobs))], end_id=3)
