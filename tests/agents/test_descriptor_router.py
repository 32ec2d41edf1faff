"""DescriptorRouter: who is asked, when it stops, and what it makes of experts that it never saw."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from maestro_agents.batch_play import Episodes, play, start
from maestro_agents.descriptor_router import DescriptorRouter, one_a_model
from maestro_agents.descriptors import Memory, describe
from maestro_agents.evaluate import evaluate
from maestro_agents.recorded_tasks import take, terms_of
from maestro_env.encoders import HashedQuestion
from maestro_env.env import MaestroEnv
from maestro_env.recordings.recording import Recording
from maestro_env.registry import STOP, Registry
from maestro_env.testing import fake_recording
from maestro_env.types import Expert, Model, Role, Skill

DIRECT = Skill(name="Direct", description="Asks once.")
ZOOM = Skill(name="Zoom", description="Looks closer.", tier2=("Crop",))


def expert(model: str, skill: Skill = DIRECT, *, role: str = Role.READER, description: str = "By hand.") -> Expert:
    return Expert(model=Model(name=model, description=description, role=role), skill=skill)


def test_one_a_model__the_best_skill_of_each_by_value() -> None:
    experts = [expert("a"), expert("a", ZOOM), expert("b"), expert("l", role=Role.LOCATOR)]
    values = np.array([[0.1, 0.3, 0.2, 0.9], [0.5, 0.3, 0.6, 0.9]])
    assert one_a_model(experts, values).tolist() == [[1, 2], [2, 0]]


def test_describe__tells_strangers_from_those_seen_at_work() -> None:
    question = HashedQuestion(64).encode(["Which letter is circled?"])
    experts = [
        expert("seen"),
        expert("stranger", ZOOM, description="Finds the letter that is circled."),
        expert("locator", role=Role.LOCATOR),
    ]
    # One remembered task, at distance 5: the first expert was right on it, the locator wrong.
    memory = Memory(features=np.array([[3.0, 4.0]], np.float32), scores=np.array([[1.0, np.nan, 0.0]], np.float32))
    known = describe(experts, question=question, features=np.zeros((1, 2), np.float32), memory=memory)[0]
    assert known[:, 0].tolist() == [1.0, 0.0, 1.0]  # seen at work
    assert known[:, 1].tolist() == [1.0, 0.0, 0.0]  # right on what is alike
    assert known[:, 2].tolist() == [1.0, 1.0, 1.0]  # the best of them
    assert known[:, 3].tolist() == [5.0, 5.0, 5.0]
    assert known[1, 4] > 0.3 > abs(known[0, 4])  # two of its words are the question's
    assert known[:, 6].tolist() == [0.0, 0.0, 1.0]
    assert known[:, 7].tolist() == [0.0, 1.0, 0.0]


@pytest.fixture(scope="module")
def recording() -> Recording:
    return fake_recording(num_tasks=600, benchmarks=("chart", "counting", "radiology"))


@pytest.fixture(scope="module")
def fitted(recording: Recording) -> DescriptorRouter:
    """Fitted without the expert for radiology, and without its tasks."""
    core = Registry(name="core", experts=tuple(e for e in recording.registry.experts if e.model.name != "radiology"))
    rows = [row for row, name in enumerate(recording.task_benchmarks) if name != "radiology"]
    return DescriptorRouter(env_on(take(recording, rows, registry=core)), steps=300).learn(0)


def env_on(recording: Recording, split: str = "train") -> MaestroEnv:
    return MaestroEnv(recording=recording, registry=None, split=split, answer_rule="confidence")


def accuracy(router: DescriptorRouter, recording: Recording) -> float:
    there = router.at(env_on(recording, "test"))

    def act(episodes: Episodes) -> np.ndarray:
        return there.predict(observation_of(episodes))[0]

    return float(play(start(recording, terms_of(there.env)), act)[-1].score.mean())


def observation_of(episodes: Episodes) -> dict[str, np.ndarray]:
    size = len(episodes.slot)
    return {
        "question": episodes.recording.question,
        "view": episodes.recording.view[np.arange(size), episodes.slot],
        "experts": episodes.experts.reshape(size, -1),
        "budget": np.stack([episodes.turns_left / 4, np.zeros(size)], axis=1),
        "action_mask": episodes.legal,
    }


def test_descriptor_router__gains_from_a_stranger(fitted: DescriptorRouter, recording: Recording) -> None:
    tasks = zip(recording.task_benchmarks, recording.task_splits, strict=True)
    rows = [row for row, cell in enumerate(tasks) if cell == ("radiology", "test")]
    alone = take(recording, rows, registry=Registry(name="core", experts=tuple(
        e for e in recording.registry.experts if e.model.name != "radiology"
    )))  # fmt: skip
    # The generalist is right on 55 %, the stranger on 85 %.
    assert accuracy(fitted, take(recording, rows)) > accuracy(fitted, alone) + 0.1


def test_descriptor_router__stops_once_somebody_is_sure(fitted: DescriptorRouter) -> None:
    env = fitted.env
    observation, _ = env.reset(seed=0)
    first, _ = fitted.predict(observation)
    assert first != STOP
    experts = observation["experts"].reshape(-1, 7).copy()
    experts[int(first) - 1, :4] = [1.0, 1.0, 1.0, 0.99]  # invoked, answered, agrees, confidence
    sure = {**observation, "experts": experts.ravel()}
    assert fitted.predict(sure)[0] == STOP
    experts[int(first) - 1, 3] = 0.05
    again, _ = fitted.predict({**observation, "experts": experts.ravel()})
    asked, model = fitted.env.unwrapped.registry.experts, lambda action: asked[int(action) - 1].model  # type: ignore[attr-defined]
    assert again != STOP
    assert model(again) != model(first)


def test_descriptor_router__saved_and_loaded_acts_alike(fitted: DescriptorRouter, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    again = DescriptorRouter.load(tmp_path, fitted.env)
    for seed in range(5):
        observation, _ = fitted.env.reset(seed=seed)
        assert again.predict(observation)[0] == fitted.predict(observation)[0]
    assert again.sure == fitted.sure


def test_learn__stops_after_an_answer_where_no_expert_states_how_sure_it_is(recording: Recording) -> None:
    silent = replace(recording, confidence=np.full_like(recording.confidence, np.nan))
    env = env_on(silent)
    agent = DescriptorRouter(env, steps=50, memory=100, lesson=10).learn(0)
    assert agent.sure == 0.0
    records = evaluate(agent, env_on(silent, "test"))
    answered = [record for record in records if record.answer]
    assert answered
    assert {len(record.experts) for record in answered} == {1}
