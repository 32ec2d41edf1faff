"""What `Maestro-v0` promises: spaces, infos, ends, rewards, snapshots, and the text of its errors."""

import copy
import pickle
from collections.abc import Iterator, Mapping
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import maestro_env
from maestro_env import MaestroEnv
from maestro_env.errors import ActionError, ConfigurationError, UnknownNameError
from maestro_env.recordings.recording import MISSING, Recording
from maestro_env.rewards import EpisodeResult
from maestro_env.testing import fake_registry


def make(kwargs: Mapping[str, Any], **more: Any) -> MaestroEnv:
    env = gym.make("Maestro-v0", **kwargs, **more).unwrapped
    assert isinstance(env, MaestroEnv)
    return env


@pytest.fixture
def env(fake: Recording) -> MaestroEnv:
    return MaestroEnv(recording=fake, registry=None)


def random_steps(env: MaestroEnv, num_steps: int, *, seed: int, legal: bool = False) -> Iterator[tuple[Any, ...]]:
    """Play at random from a seed; yield what every reset (observation, info) and step returned."""
    rng = np.random.default_rng(seed)
    observation, info = env.reset(seed=seed)
    yield observation, info
    for _ in range(num_steps):
        actions = np.flatnonzero(info["action_mask"]) if legal else np.arange(1 + len(env.registry))
        returned = env.step(int(rng.choice(actions)))
        yield returned
        info = returned[-1]
        if returned[2] or returned[3]:
            observation, info = env.reset()
            yield observation, info


def assert_same(first: Any, second: Any) -> None:
    """Assert that two nested values are equal, types and dtypes included."""
    assert type(first) is type(second)
    if isinstance(first, Mapping):
        assert list(first) == list(second)
        for key in first:
            assert_same(first[key], second[key])
    elif isinstance(first, tuple):
        assert len(first) == len(second)
        for one, other in zip(first, second, strict=True):
            assert_same(one, other)
    elif isinstance(first, np.ndarray):
        assert first.dtype == second.dtype
        np.testing.assert_array_equal(first, second)
    else:
        assert first == second


def arrays_in(returned: tuple[Any, ...]) -> list[np.ndarray[Any, Any]]:
    return [value for part in returned if isinstance(part, dict) for value in part.values() if hasattr(value, "dtype")]


# Contracts, over the fake and the shipped recording.


def test_env__two_instances_play_alike(kwargs) -> None:
    first, second = make(kwargs), make(kwargs)
    pairs = zip(random_steps(first, 300, seed=5), random_steps(second, 300, seed=5), strict=True)
    for one, other in pairs:
        assert_same(one, other)


def test_env__another_seed_plays_other_tasks(kwargs) -> None:
    env = make(kwargs)
    drawn = [[env.reset(seed=seed)[1]["task_id"]] + [env.reset()[1]["task_id"] for _ in range(9)] for seed in (0, 1)]
    assert drawn[0] != drawn[1]
    assert len(set(drawn[0])) > 5


def test_env__a_numpy_seed_is_a_seed(kwargs) -> None:
    env = make(kwargs)
    seed: Any = np.int64(3)
    assert env.reset(seed=seed)[1]["task_id"] == env.reset(seed=3)[1]["task_id"]


def test_env__observations_are_in_their_space_and_infos_have_one_shape(kwargs) -> None:
    env = make(kwargs)
    kinds = None
    for returned in random_steps(env, 300, seed=0):
        assert env.observation_space.contains(returned[0])
        info = returned[-1]
        kinds = kinds or {key: type(value) for key, value in info.items()}
        assert {key: type(value) for key, value in info.items()} == kinds
        assert info["action_mask"].dtype == np.int8
        np.testing.assert_array_equal(info["action_mask"], returned[0]["action_mask"])
    assert kinds == {
        **dict.fromkeys(["task_id", "benchmark", "context"], str),
        "action_mask": np.ndarray,
        **dict.fromkeys(["expert", "reply", "status"], str),
        **dict.fromkeys(["cost_usd", "passes", "latency_s"], float),
        "invalid_action": bool,
        **dict.fromkeys(["outcome", "answer", "gold"], str),
    }


def test_env__returns_plain_numbers_and_flags(kwargs) -> None:
    for returned in random_steps(make(kwargs, cost_weight=0.1), 100, seed=0):
        if len(returned) == 5:
            assert [type(value) for value in returned[1:4]] == [float, bool, bool]


def test_env__returns_fresh_arrays(kwargs) -> None:
    env = make(kwargs)
    returned = [arrays_in(part) for part in random_steps(env, 50, seed=0)]
    arrays = [array for call in returned for array in call]
    held = [env.recording.view, env.recording.question]
    for i, array in enumerate(arrays):
        assert not any(np.shares_memory(array, other) for other in arrays[i + 1 :])
        assert not any(np.shares_memory(array, other) for other in held)


def test_env__writing_into_what_it_returned_changes_nothing(kwargs) -> None:
    kept, scribbled = make(kwargs), make(kwargs)
    pairs = zip(random_steps(kept, 60, seed=2), random_steps(scribbled, 60, seed=2), strict=True)
    for one, other in pairs:
        assert_same(one, other)
        for array in arrays_in(other):
            array[...] = 1


def test_env__legal_actions_are_accepted_and_masked_ones_flagged(kwargs) -> None:
    env = make(kwargs)
    rng = np.random.default_rng(0)
    masked_seen = 0
    for _ in range(40):
        _, info = env.reset(seed=int(rng.integers(1000)))
        ended = False
        while not ended:
            mask = info["action_mask"]
            assert mask[0] == 1
            here = env.get_state()
            for action in range(1 + len(env.registry)):
                env.set_state(here)
                outcome = env.step(action)
                assert outcome[-1]["invalid_action"] == (mask[action] == 0)
                assert (outcome[-1]["expert"] == "") == (action == 0 or mask[action] == 0)
                masked_seen += int(mask[action] == 0)
            env.set_state(here)
            _, _, terminated, truncated, info = env.step(int(rng.choice(np.flatnonzero(mask)[1:])))
            ended = terminated or truncated
    assert masked_seen > 40


def test_env__an_episode_has_at_most_max_turns_steps(kwargs) -> None:
    env = make(kwargs, max_turns=3)
    lengths = []
    for seed in range(40):
        env.reset(seed=seed)
        rng = np.random.default_rng(seed)
        ended, length = False, 0
        while not ended:
            _, _, terminated, truncated, _ = env.step(int(rng.integers(1, 1 + len(env.registry))))
            ended, length = terminated or truncated, length + 1
        lengths.append(length)
    assert set(lengths) == {3}


def test_env__stopping_at_once_is_unanswered(kwargs) -> None:
    env = make(kwargs)
    env.reset(seed=0)
    _, reward, terminated, truncated, info = env.step(0)
    assert (reward, terminated, truncated) == (0.0, True, False)
    assert (info["outcome"], info["answer"]) == ("unanswered", "")
    assert info["gold"] != ""


def test_env__an_oracle_scores_1_where_any_expert_is_right(kwargs) -> None:
    env = make(kwargs, split="val")
    recording = env.recording
    for task_id in env.task_ids[:50]:
        _, info = env.reset(options={"task": task_id})
        scores = recording.score[recording.index_of(task_id), 0, : len(env.registry)]
        right = [int(e) for e in np.flatnonzero(scores) if info["action_mask"][1 + e]]
        if not right:
            continue
        env.step(1 + right[0])
        _, reward, terminated, _, info = env.step(0)
        assert (reward, terminated, info["outcome"]) == (1.0, True, "correct")
        assert info["answer"] == info["gold"]


def test_env__plays_the_task_that_is_asked_for(kwargs) -> None:
    env = make(kwargs, split="test")
    for task_id in env.task_ids[:20]:
        assert env.reset(options={"task": task_id})[1]["task_id"] == task_id


def test_env__infos_tell_of_the_call(kwargs) -> None:
    env = make(kwargs)
    _, info = env.reset(seed=4)
    assert (info["expert"], info["reply"], info["status"], info["passes"]) == ("", "", "", 0.0)
    action = int(np.flatnonzero(info["action_mask"])[1])
    task = env.recording.index_of(info["task_id"])
    info = env.step(action)[-1]
    cell = (task, 0, env.recording.registry.index_of(env.registry.ids[action - 1]))
    assert info["expert"] == env.registry.ids[action - 1]
    assert info["reply"] == env.recording.texts[env.recording.text[cell]]
    assert info["passes"] == float(env.recording.passes[cell])
    assert info["cost_usd"] == float(env.recording.cost_usd[cell])
    assert info["latency_s"] == float(env.recording.latency_s[cell])


def test_env__deepcopy_mid_episode_goes_on_alike(kwargs) -> None:
    env = make(kwargs)
    env.reset(seed=3)
    env.step(1)
    twin = copy.deepcopy(env)
    assert twin.recording is env.recording
    for action in (2, 3, 4):
        assert_same(env.step(action), twin.step(action))
    assert_same(env.reset(), twin.reset())


def test_env__pickle_mid_episode_goes_on_alike(kwargs) -> None:
    env = make(kwargs)
    env.reset(seed=3)
    env.step(1)
    pickled = pickle.dumps(env)
    assert len(pickled) < 2_000_000, "the recording must be loaded again by its name, not pickled"
    twin = pickle.loads(pickled)
    for action in (2, 3, 4):
        assert_same(env.step(action), twin.step(action))
    assert_same(env.reset(), twin.reset())


def test_env__a_snapshot_branches_and_comes_back(kwargs) -> None:
    env, other = make(kwargs), make(kwargs)
    env.reset(seed=8)
    env.step(1)
    here = env.get_state()
    legal = np.flatnonzero(env.action_masks())[-1]
    first = [env.step(int(legal)), env.reset()]
    env.set_state(here)
    assert_same([env.step(int(legal)), env.reset()][0], first[0])
    env.set_state(here)
    env.step(0)
    other.set_state(pickle.loads(pickle.dumps(here)))
    assert_same(other.step(int(legal)), first[0])
    assert_same(other.reset(), first[1])


# Ends and rewards, worked by hand in the fake recording.


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
    some = maestro_env.Registry(name="some", experts=fake_registry().experts[:3])
    env = MaestroEnv(recording=fake, registry=some)
    assert env.action_space == gym.spaces.Discrete(4)
    for returned in random_steps(env, 50, seed=0):
        assert env.observation_space.contains(returned[0])


# Errors.


@pytest.mark.parametrize("action", [-1, 9, 10**9, np.int64(9)])
def test_step__outside_the_space_raises(env: MaestroEnv, action: Any) -> None:
    env.reset(seed=0)
    with pytest.raises(ActionError, match=rf"Action {action} is outside the action space; expected 0 \(STOP\) to 8"):
        env.step(action)


@pytest.mark.parametrize("action", [1.0, "1", None, np.array([1, 2]), np.float64(1)])
def test_step__no_integer_raises(env: MaestroEnv, action: Any) -> None:
    env.reset(seed=0)
    with pytest.raises(ActionError, match=r"is no integer; expected 0 \(STOP\) to 8"):
        env.step(action)


@pytest.mark.parametrize("action", [1, np.int64(1), np.array(1), np.uint8(1)])
def test_step__takes_every_integer(env: MaestroEnv, action: Any) -> None:
    env.reset(seed=0)
    assert env.step(action)[-1]["expert"] == "generalist/Direct"


def test_step__before_reset_and_after_the_end_raises(env: MaestroEnv) -> None:
    with pytest.raises(ActionError, match=r"No episode is running.*Call reset\(\)"):
        env.step(0)
    env.reset(seed=0)
    env.step(0)
    with pytest.raises(ActionError, match=r"No episode is running.*Call reset\(\)"):
        env.step(0)


def test_step__a_refused_action_leaves_the_episode_as_it_was(env: MaestroEnv) -> None:
    env.reset(seed=0)
    before = env.get_state().state
    with pytest.raises(ActionError):
        env.step(99)
    assert env.get_state().state is before


def test_strict__a_masked_action_raises_and_names_the_legal_ones(fake: Recording) -> None:
    env = MaestroEnv(recording=fake, registry=None, strict=True, benchmarks=["chart"])
    env.reset(seed=0)
    env.step(1)
    legal = np.flatnonzero(env.action_masks()).tolist()
    with pytest.raises(
        ActionError, match=r"Action 1 \('generalist/Direct'\) is masked.*Legal actions: \[0, "
    ) as raised:
        env.step(1)
    assert str(legal) in str(raised.value)


def test_reset__unknown_option_names_the_known_ones(env: MaestroEnv) -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown reset option 'tsak'\. Did you mean 'task'"):
        env.reset(options={"tsak": "chart/train/000000"})


@pytest.mark.parametrize("task", ["chart/train/00000x", 3, None, ["chart"]])
def test_reset__unknown_task_is_refused(env: MaestroEnv, task: Any) -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown task of this environment's split and benchmarks"):
        env.reset(options={"task": task})


def test_reset__a_task_of_another_split_is_refused(fake: Recording) -> None:
    test_task = next(task.id for task in fake.tasks if task.split == "test")
    with pytest.raises(UnknownNameError, match=r"Unknown task of this environment's split"):
        MaestroEnv(recording=fake, registry=None).reset(options={"task": test_task})


def test_env__unknown_keyword_is_refused(fake: Recording) -> None:
    with pytest.raises(TypeError, match="max_turn"):
        gym.make("Maestro-v0", recording=fake, registry=None, max_turn=3)


def test_set_state__of_another_registry_is_refused(fake: Recording, env: MaestroEnv) -> None:
    some = maestro_env.Registry(name="some", experts=fake_registry().experts[:3])
    snapshot = MaestroEnv(recording=fake, registry=some).get_state()
    with pytest.raises(ConfigurationError, match=r"'fake' with 3 experts.*plays 'fake' with 8"):
        env.set_state(snapshot)


def test_action_masks__before_reset_raises(env: MaestroEnv) -> None:
    with pytest.raises(ActionError, match=r"Call reset\(\) before action_masks"):
        env.action_masks()
