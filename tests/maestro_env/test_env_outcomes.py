"""How episodes of `Maestro-v0` end and what they are worth, worked by hand; which tasks and experts it plays."""

import numpy as np
from gymnasium.spaces import Discrete

from maestro_env import MaestroEnv, Registry
from maestro_env.recordings.recording import MISSING, Recording
from maestro_env.rewards import EpisodeResult
from maestro_env.testing import fake_registry


def first_task(recording: Recording, answered: bool, *, failed: bool = False) -> tuple[str, int]:
    """Return a training task and an action whose call in `whole` answers (wrongly), says nothing, or fails."""
    ok = recording.status[:, 0] == 0
    wrong = (recording.answer[:, 0] != MISSING) & (recording.score[:, 0] == 0.0)
    silent = (recording.answer[:, 0] == MISSING) & (recording.status[:, 0] != MISSING)
    wanted = silent & ~ok if failed else wrong & ok if answered else silent & ok
    for task, expert in np.argwhere(wanted):
        if recording.tasks[task].split == "train":
            return recording.tasks[task].id, 1 + int(expert)
    raise AssertionError("the fake recording holds no such call")


def test_env__a_failure_without_an_answer_truncates_with_reward_0(fake: Recording) -> None:
    task_id, action = first_task(fake, answered=False, failed=True)
    env = MaestroEnv(recording=fake, registry=None, cost_weight=0.5)
    env.reset(options={"task": task_id})
    _, _, terminated, truncated, info = env.step(action)
    assert (terminated, truncated, info["status"]) == (False, False, "timeout")
    _, reward, terminated, truncated, info = env.step(0)
    # The call cost something, but an episode that experts broke is worth exactly 0.
    assert (reward, terminated, truncated, info["outcome"]) == (0.0, False, True, "expert_error")


def test_env__a_wrong_answer_costs_what_was_spent(fake: Recording) -> None:
    task_id, action = first_task(fake, answered=True)
    env = MaestroEnv(recording=fake, registry=None, cost_weight=0.5)
    env.reset(options={"task": task_id})
    passes = env.step(action)[-1]["passes"]
    _, reward, terminated, _, info = env.step(0)
    assert passes in (1.0, 3.0)
    assert (reward, terminated, info["outcome"]) == (-0.5 * passes, True, "wrong")


def test_env__silence_is_unanswered(fake: Recording) -> None:
    task_id, action = first_task(fake, answered=False)
    env = MaestroEnv(recording=fake, registry=None)
    env.reset(options={"task": task_id})
    assert env.step(action)[-1]["outcome"] == ""
    assert env.step(0)[-1]["outcome"] == "unanswered"


def test_env__a_reward_function_is_called_once_at_the_end(fake: Recording) -> None:
    results: list[EpisodeResult] = []

    def reward(result: EpisodeResult) -> float:
        results.append(result)
        return 42.0

    task_id, action = first_task(fake, answered=True)
    env = MaestroEnv(recording=fake, registry=None, reward_fn=reward)
    env.reset(options={"task": task_id})
    assert env.step(action)[1] == 0.0
    assert env.step(action)[1] == 0.0  # masked by now: a turn without a call
    assert env.step(0)[1] == 42.0
    assert [(result.outcome, result.score, result.num_turns) for result in results] == [("wrong", 0.0, 2)]


def test_env__a_missing_call_is_masked(fake: Recording) -> None:
    env = MaestroEnv(recording=fake, registry=None)
    missing = fake.status[:, 0] == MISSING
    assert missing.any()
    for i, task in enumerate(fake.tasks):
        if task.split == "train":
            mask = env.reset(options={"task": task.id})[1]["action_mask"]
            np.testing.assert_array_equal(mask[1:] == 0, missing[i])


def test_env__draws_from_its_split_and_benchmarks(fake: Recording) -> None:
    env = MaestroEnv(recording=fake, registry=None, split="val", benchmarks=["scene", "chart"])
    env.reset(seed=0)
    drawn = {env.reset()[1]["task_id"] for _ in range(400)}
    assert drawn == set(env.task_ids)
    assert {task_id.rsplit("/", 1)[0] for task_id in drawn} == {"scene/val", "chart/val"}


def test_env__a_registry_may_name_some_of_the_experts(fake: Recording) -> None:
    some = Registry(name="some", experts=fake_registry().experts[:3])
    env = MaestroEnv(recording=fake, registry=some)
    assert env.action_space == Discrete(4)
    for seed in range(20):
        observation, _ = env.reset(seed=seed)
        assert env.observation_space.contains(observation)
        observation, _, _, _, info = env.step(1 + seed % 3)
        assert env.observation_space.contains(observation)
        assert info["expert"] in ("", some.ids[seed % 3])
