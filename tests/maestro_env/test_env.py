"""What `Maestro-v0` promises in every step, over a fake recording and over the shipped one."""

import copy
import pickle
from collections.abc import Iterator, Mapping
from typing import Any

import gymnasium as gym
import numpy as np

from maestro_env import MaestroEnv
from maestro_env.testing import arrays_in, assert_same


def make(kwargs: Mapping[str, Any], **more: Any) -> MaestroEnv:
    env = gym.make("Maestro-v0", **kwargs, **more).unwrapped
    assert isinstance(env, MaestroEnv)
    return env


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
    assert b"Recording" not in pickled, "the recording must be loaded again by its name, not pickled"
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


def test_env__those_over_one_recording_share_its_tables(kwargs) -> None:
    one, other = make(kwargs), make(kwargs)
    assert one.world is other.world
    assert pickle.loads(pickle.dumps(one)).world is one.world
    assert not one.world.recorded.flags.writeable
