"""Playing many recorded episodes at once, held to the environment's rules."""

import numpy as np
import pytest
from numpy.typing import NDArray

from maestro_agents.batch_play import Episodes, play, start
from maestro_agents.recorded_tasks import recorded_tasks, terms_of
from maestro_env.dynamics import EXPERT_FEATURES
from maestro_env.env import MaestroEnv
from maestro_env.testing import fake_recording


@pytest.mark.parametrize("rule", ["vote", "confidence", "last"])
@pytest.mark.parametrize("max_turns", [1, 4])
def test_play__agrees_with_the_environment_at_every_step(rule: str, max_turns: int) -> None:
    recording = fake_recording(num_tasks=120, failing=0.1, missing=0.1)
    env = MaestroEnv(recording=recording, registry=None, answer_rule=rule, max_turns=max_turns)
    own = recorded_tasks(env)
    size, experts = len(own.tasks), len(own.registry)
    # Any actions, masked ones and STOP among them, drawn beforehand so that both sides take the same.
    actions = np.random.default_rng(0).integers(0, 1 + experts, size=(max_turns, size))
    actions[actions == 0] *= np.random.default_rng(1).integers(0, 2, size=(actions == 0).sum())
    turn = iter(range(max_turns))

    def policy(episodes: Episodes) -> NDArray[np.int64]:
        del episodes
        return actions[next(turn)]

    moments = play(start(own, terms_of(env)), policy)
    for n, task in enumerate(own.tasks):
        observation, info = env.reset(options={"task": task.id})
        reward, ended = 0.0, False
        for t in range(max_turns):
            here = moments[t]
            assert info["context"] == own.context_ids[n][here.slot[n]]
            np.testing.assert_array_equal(
                observation["experts"].reshape(-1, len(EXPERT_FEATURES)), here.experts[n], err_msg=task.id
            )
            np.testing.assert_array_equal(observation["action_mask"], here.legal[n])
            assert round(float(observation["budget"][0]) * max_turns) == here.turns_left[n]
            assert not here.ended[n]
            observation, reward, terminated, truncated, info = env.step(actions[t, n])
            ended = terminated or truncated
            if ended:
                break
        assert ended
        assert moments[-1].ended[n]
        assert moments[-1].score[n] == reward


def test_play__stops_asking_once_all_episodes_have_ended() -> None:
    env = MaestroEnv(recording=fake_recording(num_tasks=40), registry=None)
    own = recorded_tasks(env)
    moments = play(start(own, terms_of(env)), lambda episodes: np.zeros(len(episodes.slot), np.int64))
    assert len(moments) == 2  # the start, and after everyone stopped
    assert moments[-1].ended.all()
    assert moments[-1].cost.sum() == 0


@pytest.mark.parametrize("rule", ["vote", "confidence", "last"])
def test_scores_after__are_what_one_more_call_and_stop_would_score(rule: str) -> None:
    recording = fake_recording(num_tasks=80, failing=0.1, missing=0.1)
    env = MaestroEnv(recording=recording, registry=None, answer_rule=rule)
    episodes = start(recorded_tasks(env), terms_of(env))
    rng = np.random.default_rng(0)
    size, experts = episodes.experts.shape[:2]
    for _ in range(4):
        found = episodes.scores_after()
        for expert in range(experts):
            then = episodes.step(np.full(size, 1 + expert))
            np.testing.assert_array_equal(found[:, expert], then.score)
        episodes = episodes.step(rng.integers(1, 1 + experts, size=size))
    np.testing.assert_array_equal(episodes.scores_after(), np.repeat(episodes.score[:, None], experts, axis=1))


def test_step__leaves_the_moment_it_branches_from_alone() -> None:
    env = MaestroEnv(recording=fake_recording(num_tasks=40), registry=None)
    before = start(recorded_tasks(env), terms_of(env))
    first, second = (before.step(np.full(len(before.slot), action)) for action in (3, 3))
    np.testing.assert_array_equal(first.experts, second.experts)
    assert before.experts.sum() == 0
    assert before.legal[:, 3].all()
    assert before.cost.sum() == 0
