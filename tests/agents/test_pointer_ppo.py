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
from maestro_agents.pointer_ppo import PointerPPO, _Lesson, _lessons
from maestro_env.env import MaestroEnv
from maestro_env.recordings.recording import Recording
from maestro_env.registry import Registry
from maestro_env.testing import fake_recording

SEEN, ALIKE, PRICE = 0, 1, 8
"""Columns of what is known of an expert: seen at work; its score on similar tasks; the price of a look."""


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
    described = seen.reshape(-1, NUM_FEATURES + 1)[recording.registry.index_of("radiology/Direct")]
    assert described[SEEN] == 0.0
    assert described[PRICE] == -1.0  # the price of the fake locators, half a pass: the lowest in a lesson


def test_pointer_ppo__knows_the_chance_that_an_expert_helps(fitted: PointerPPO) -> None:
    observation, _ = fitted.env.reset(seed=0)
    seen = fitted._seen({name: value[None] for name, value in observation.items()})["view"]
    known = seen.reshape(-1, NUM_FEATURES + 1)
    np.testing.assert_allclose(known[:, -1:], fitted._chances.of(known[:, :-1]))
    assert ((known[:, -1] > 0) & (known[:, -1] < 1)).all()


def lessons_of(recording: Recording) -> list[_Lesson]:
    features = Features.fit(recording.question, recording.view[:, 0])
    return _lessons(recording, features, np.random.default_rng(0), size=20, memory=100)


def test_lessons__forget_two_benchmarks_and_their_best_models() -> None:
    recording = fake_recording(num_tasks=300)
    lessons = lessons_of(recording)
    asked = [recording.task_benchmarks[lesson.rows[0]] for lesson in lessons[:8]]
    assert asked == ["chart", "counting", "radiology", "scene"] * 2
    experts = recording.registry.experts
    strangers: list[set[str]] = []
    for lesson in (lessons[2], lessons[6]):
        assert {recording.task_benchmarks[row] for row in lesson.rows} == {"radiology"}
        assert lesson.described.shape == (20, 3, 8, NUM_FEATURES)
        strange = lesson.described[0, 0, :, SEEN] == 0.0
        assert (lesson.described[:, :, strange, ALIKE] == 0).all()
        strangers.append({expert.model.name for expert, is_strange in zip(experts, strange, strict=True) if is_strange})
        # A model is a stranger with all its skills.
        assert strangers[-1].isdisjoint(
            e.model.name for e, is_strange in zip(experts, strange, strict=True) if not is_strange
        )
        assert "radiology" in strangers[-1]
    assert max(len(models) for models in strangers) >= 2


def test_lessons__familiar_ones_have_few_strangers() -> None:
    strangers = [int((lesson.described[0, 0, :, SEEN] == 0).sum()) for lesson in lessons_of(fake_recording())[8:]]
    assert len(strangers) == 16
    assert min(strangers) == 0
    assert max(strangers) >= 2


def test_lessons__of_two_benchmarks_only_one_is_forgotten_and_the_only_one_never() -> None:
    two = fake_recording(num_tasks=60, benchmarks=("chart", "counting"))
    assert len(lessons_of(two)) == 2 * 2 + 16
    assert len(lessons_of(fake_recording(num_tasks=60, benchmarks=("chart",)))) == 16
