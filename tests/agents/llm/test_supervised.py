"""The warm start: it learns, and from the policy's tokens alone."""

import copy
from typing import Any

import pytest

pytest.importorskip("transformers", reason="needs the extra llm")

import torch

from maestro_agents.llm.layout import Layout
from maestro_agents.llm.rollout import Rollout
from maestro_agents.llm.supervised import Fit, cross_entropy, fit, to_batch
from maestro_agents.llm.traces import random_traces, replay
from maestro_env.errors import ConfigurationError
from maestro_env.text.env import MaestroTextEnv

FIT = Fit(epochs=3, batch_size=4, lr=1e-2, max_grad_norm=1.0, weight_decay=0.0, seed=0)


@pytest.fixture
def rollouts(tiny: Any, text_env: MaestroTextEnv) -> list[Rollout]:
    traces = list(random_traces(text_env, text_env.task_ids[:8], most_calls=1, seed=0))
    layout = Layout(instructions=False)
    return [replay(text_env, trace, tokeniser=tiny.tokeniser, layout=layout) for trace in traces]


def test_fit__loss_falls(tiny: Any, rollouts: list[Rollout]) -> None:
    losses = fit(copy.deepcopy(tiny.model), rollouts, FIT, pad_id=tiny.tokeniser.pad_id)
    assert len(losses) == 6  # 3 epochs of 8 traces in batches of 4
    assert losses[-1] < losses[0] - 1.0


def test_fit__same_seed_same_losses(tiny: Any, rollouts: list[Rollout]) -> None:
    first = fit(copy.deepcopy(tiny.model), rollouts, FIT, pad_id=tiny.tokeniser.pad_id)
    assert first == fit(copy.deepcopy(tiny.model), rollouts, FIT, pad_id=tiny.tokeniser.pad_id)


def test_cross_entropy__gradient_is_zero_where_the_policy_did_not_write(tiny: Any, rollouts: list[Rollout]) -> None:
    batch = to_batch(rollouts, pad_id=tiny.tokeniser.pad_id)
    logits_BTV = torch.randn(*batch.ids_BT.shape, 320, generator=torch.Generator().manual_seed(0)).requires_grad_()
    cross_entropy(logits_BTV, batch).backward()
    assert logits_BTV.grad is not None
    touched = (logits_BTV.grad != 0).any(dim=-1)
    # What stands at a place makes the next token's probability.
    assert torch.equal(touched[:, :-1], batch.policy_BT[:, 1:].bool())
    assert not touched[:, -1].any()


def test_cross_entropy__is_the_mean_over_policy_tokens(tiny: Any, rollouts: list[Rollout]) -> None:
    with torch.no_grad():
        batch = to_batch(rollouts[:2], pad_id=tiny.tokeniser.pad_id)
        found = cross_entropy(tiny.model(input_ids=batch.ids_BT, attention_mask=batch.attend_BT).logits, batch)
        each: list[torch.Tensor] = []
        for rollout in rollouts[:2]:
            ids = rollout.prompt_ids + rollout.completion_ids
            logprobs = tiny.model(torch.tensor([ids])).logits[0].log_softmax(dim=-1)
            start = len(rollout.prompt_ids)
            each += [
                logprobs[start + place - 1, token]
                for place, (token, own) in enumerate(zip(rollout.completion_ids, rollout.policy_mask, strict=True))
                if own
            ]
    torch.testing.assert_close(found, -torch.stack(each).mean(), atol=1e-5, rtol=1e-5)


def test_fit__nothing_to_learn_from(tiny: Any) -> None:
    with pytest.raises(ConfigurationError, match="There is no trace"):
        fit(tiny.model, [], FIT, pad_id=0)


def test_fit__without_meaning() -> None:
    with pytest.raises(ConfigurationError, match=r"lr=0.0 must be above 0"):
        Fit(epochs=1, batch_size=1, lr=0.0, max_grad_norm=1.0, weight_decay=0.0, seed=0)
