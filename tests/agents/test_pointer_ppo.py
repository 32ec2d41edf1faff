"""PointerPPO: experts are known by what is known of them, not by their place."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from maestro_agents.descriptors import NUM_FEATURES
from maestro_agents.evaluate import evaluate
from maestro_agents.features import Features
from maestro_agents.pointer_ppo import PointerPPO, _lessons, _memory_of
from maestro_env.env import MaestroEnv
from maestro_env.recordings.recording import Recording
from maestro_env.registry import Registry
from maestro_env.testing import fake_recording
from maestro_env.types import Role
from tests.agents.conftest import HandMade

SEEN, ALIKE = 0, 1
"""Columns of what is known of an expert: seen at work; its score on similar tasks."""


@pytest.fixture(scope="module")
def fitted(recording: Recording) -> PointerPPO:
    """Fitted without the expert for radiology."""
    env = MaestroEnv(recording=recording, registry=without(recording, "radiology"))
    small = {"num_envs": 4, "rollout_steps": 16, "batch_size": 64, "hidden": 16, "memory": 100, "lesson": 20}
    return PointerPPO(env, **small).learn(256)


def without(recording: Recording, model: str) -> Registry:
    return Registry(name="part", experts=tuple(e for e in recording.registry.experts if e.model.name != model))


def probabilities(agent: PointerPPO, observation: dict[str, Any]) -> np.ndarray:
    """Return [1 + P] of one observation."""
    batch = agent._seen({name: value[None] for name, value in observation.items()})
    tensors = {name: torch.as_tensor(value) for name, value in batch.items()}
    with torch.no_grad():
        distribution = agent.policy.get_distribution(tensors, batch["action_mask"])
    return distribution.distribution.probs[0].numpy()  # type: ignore[union-attr]


def test_pointer_ppo__permuted_experts_have_permuted_probabilities(fitted: PointerPPO, recording: Recording) -> None:
    order = np.random.default_rng(0).permutation(len(recording.registry))
    experts = recording.registry.experts
    permuted = Registry(name="permuted", experts=tuple(experts[place] for place in order))
    env, other = (MaestroEnv(recording=recording, registry=registry) for registry in (recording.registry, permuted))
    here, there = fitted.at(env), fitted.at(other)
    for task_id in env.task_ids[:20]:
        observation, _ = env.reset(options={"task": task_id})
        observation_there, _ = other.reset(options={"task": task_id})
        for place in (3, 6, 0):  # a reader, a locator, another reader
            expected, found = probabilities(here, observation), probabilities(there, observation_there)
            np.testing.assert_allclose(found, expected[[0, *(1 + order)]], atol=1e-6)
            assert expected.sum() == pytest.approx(1.0)
            observation, *_ = env.step(1 + place)
            observation_there, *_ = other.step(1 + int(np.flatnonzero(order == place)[0]))


def test_pointer_ppo__experts_differ_by_what_they_said(fitted: PointerPPO) -> None:
    observation, _ = fitted.env.reset(seed=0)
    said = observation["experts"].copy()
    said[:4] = [1.0, 1.0, 1.0, 0.9]  # the first expert was invoked, answered, agrees, and is sure
    change = probabilities(fitted, {**observation, "experts": said}) - probabilities(fitted, observation)
    assert np.abs(change).max() > 1e-4


def test_pointer_ppo__acts_with_experts_that_it_never_saw(
    fitted: PointerPPO, recording: Recording, tmp_path: Path
) -> None:
    env = MaestroEnv(recording=recording, registry=None, split="test", strict=True)
    there = fitted.at(env)
    drawn = {expert_id for record in evaluate(there, env, deterministic=False) for expert_id in record.experts}
    assert "radiology/Direct" in drawn
    records = evaluate(there, env)
    fitted.save(tmp_path)
    assert evaluate(PointerPPO.load(tmp_path, fitted.env).at(env), env) == records
    there.save(tmp_path)
    assert evaluate(PointerPPO.load(tmp_path, env), env) == records


def test_pointer_ppo__a_stranger_is_described_within_the_range_of_the_lessons(
    fitted: PointerPPO, recording: Recording
) -> None:
    stranger = recording.registry.expert("radiology/Direct")
    cheap = replace(stranger, model=replace(stranger.model, passes_per_look=1e-6))
    experts = tuple(cheap if expert is stranger else expert for expert in recording.registry.experts)
    env = MaestroEnv(recording=recording, registry=Registry(name="cheap", experts=experts))
    observation, _ = env.reset(seed=0)
    seen = fitted.at(env)._seen({name: value[None] for name, value in observation.items()})["view"]
    described = seen.reshape(-1, NUM_FEATURES)[recording.registry.index_of("radiology/Direct")]
    assert described[SEEN] == 0.0
    assert described[-1] == -1.0  # the price of the fake locators, half a pass: the lowest in a lesson


def test_lessons__forget_a_benchmark_and_its_best_readers() -> None:
    recording = fake_recording(num_tasks=300)
    features = Features.fit(recording.question, recording.view[:, 0])
    lessons = _lessons(recording, features, np.random.default_rng(0), size=20, memory=100)
    forgotten = {recording.task_benchmarks[lesson.rows[0]]: lesson for lesson in lessons[:4]}
    assert list(forgotten) == ["chart", "counting", "radiology", "scene"]
    lesson = forgotten["radiology"]
    assert {recording.task_benchmarks[row] for row in lesson.rows} == {"radiology"}
    assert lesson.known.shape == (20, 3, 8, NUM_FEATURES)
    strange = lesson.known[0, 0, :, SEEN] == 0.0
    assert strange[recording.registry.index_of("radiology/Direct")]
    assert not strange[recording.registry.index_of("chart/Direct")]
    assert (lesson.known[:, :, strange, ALIKE] == 0).all()
    strangers = [int((lesson.known[0, 0, :, SEEN] == 0).sum()) for lesson in lessons[4:]]
    assert min(strangers) == 0
    assert max(strangers) >= 2


def test_memory_of__a_locator_scores_the_readers_right_where_it_led(hand_made: HandMade) -> None:
    # Expert 2 locates; in context 1 one of the two readers is right.
    recording = hand_made([["wr1", "rw."]])
    experts = recording.registry.experts
    locator = replace(experts[2], model=replace(experts[2].model, role=Role.LOCATOR))
    recording = replace(recording, registry=Registry(name="hand", experts=(*experts[:2], locator)))
    features = Features.fit(recording.question, recording.view[:, 0])
    assert _memory_of(recording, features, np.array([0])).scores.tolist() == [[0.0, 1.0, 0.5]]
