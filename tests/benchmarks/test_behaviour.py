"""What agents do, which of them differ, and what replaying their episodes shows; worked by hand."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.behaviour import behaviours_of, thirds_of
from benchmarks.bootstrap import Interval
from benchmarks.learning import FEWEST_EPISODES, MOST_BLOCKS, Block, best_call, blocks_of, curve_of
from benchmarks.pairs import Pair, letters_of, pairs_of
from benchmarks.playing import Run, World
from benchmarks.replay import Replay, wasted_calls
from maestro_agents.evaluate import EpisodeRecord, evaluate
from maestro_agents.random import Random
from maestro_agents.recorded_tasks import recorded_tasks
from maestro_env.recordings.recording import Recording
from maestro_env.testing import fake_recording
from maestro_env.types import AnswerRule, Outcome


def pair(first: str, second: str, *, differ: bool) -> Pair:
    accuracy = Interval(mean=0.1, low=0.05 if differ else -0.05, high=0.2)
    return Pair(first=first, second=second, accuracy=accuracy, probability=0.5)


def test_letters__are_shared_by_those_that_do_not_differ() -> None:
    # a and b are alike, b and c are alike, a and c differ: b shares a letter with each.
    pairs = [pair("a", "b", differ=False), pair("b", "c", differ=False), pair("a", "c", differ=True)]
    assert letters_of(["a", "b", "c"], pairs) == {"a": "a", "b": "ab", "c": "b"}


def test_letters__one_that_differs_from_all_has_its_own() -> None:
    pairs = [pair("a", "b", differ=True), pair("b", "c", differ=False), pair("a", "c", differ=True)]
    assert letters_of(["a", "b", "c"], pairs) == {"a": "a", "b": "b", "c": "b"}


def made_up_run(agent: str, outcomes: Sequence[Outcome], *, experts: Sequence[tuple[str, ...]] = ()) -> Run:
    return Run(
        agent=agent,
        seed=0,
        settings={},
        val_reward=0.0,
        seconds=1.0,
        episodes=tuple(
            EpisodeRecord(
                task_id=str(number), benchmark="one", outcome=outcome, answer="", gold="", reward=0.0,
                experts=experts[number] if experts else (), turns=0, passes=0.0, cost_usd=0.0, latency_s=0.0,
            )
            for number, outcome in enumerate(outcomes)
        ),
    )  # fmt: skip


def test_pairs__the_more_accurate_comes_first() -> None:
    low = made_up_run("low", [Outcome.WRONG] * 20)
    high = made_up_run("high", [Outcome.CORRECT] * 20)
    (found,) = pairs_of({"low": [low], "high": [high]}, benchmarks=["one"] * 20, unseen=())
    assert (found.first, found.second) == ("high", "low")
    assert found.accuracy.mean == pytest.approx(1.0)
    assert found.probability == 1.0


def test_wasted_calls__count_from_the_first_right_answer() -> None:
    assert wasted_calls([False, True, True, False]) == 2
    assert wasted_calls([True]) == 0
    assert wasted_calls([False, False]) == 0
    assert wasted_calls([]) == 0


@pytest.fixture(scope="module")
def world() -> World:
    return World(recording=fake_recording(num_tasks=80))


@pytest.fixture(scope="module")
def test_tasks(world: World) -> Recording:
    return recorded_tasks(world.env("test"))


def test_replay__ends_as_the_episode_did(world: World, test_tasks: Recording) -> None:
    replay = Replay(test_tasks, max_turns=world.max_turns, rule=AnswerRule.VOTE)
    episodes = evaluate(Random(world.env("train")), world.env("test"), seed=0, deterministic=False)
    assert any(len(episode.experts) > 1 for episode in episodes)
    for task, episode in enumerate(episodes):
        frame = replay.frame(task, episode.experts)
        assert (frame.outcome, frame.answer) == (episode.outcome, episode.answer)
        right = replay.right_after(task, episode.experts)
        assert len(right) == episode.calls
        assert (right[-1] if right else False) == episode.correct


def test_thirds__are_cut_within_each_benchmark(test_tasks: Recording) -> None:
    # By hand: difficulties 0.1 to 0.6 of one benchmark, one unknown; two tasks in each third.
    six = [0.3, 0.1, 0.6, 0.2, 0.5, 0.4]
    tasks = [replace(test_tasks.tasks[0], factors={"difficulty": value}) for value in six]
    tasks.append(replace(test_tasks.tasks[0], factors={}))
    assert thirds_of(replace(test_tasks, tasks=tuple(tasks))).tolist() == [1, 0, 2, 0, 2, 1, -1]


def test_behaviours__count_calls_and_sequences(test_tasks: Recording) -> None:
    size = len(test_tasks.tasks)
    reader, locator = "chart/Direct", "locator-a/Perception_Problem_Solver"
    experts = [(reader,)] * (size - 1) + [(locator, reader)]
    run = made_up_run("x", [Outcome.CORRECT] * (size - 1) + [Outcome.WRONG], experts=experts)
    replay = Replay(test_tasks, max_turns=4, rule=AnswerRule.VOTE)
    (found,) = behaviours_of({"x": [run]}, test=test_tasks, unseen=(), replay=replay)
    assert found.calls == {"one": {reader: 1.0, locator: 1 / size}}
    assert [one.experts for one in found.sequences] == [(reader,), (locator, reader)]
    assert [one.accuracy for one in found.sequences] == [1.0, 0.0]
    assert found.sequences[0].share == pytest.approx((size - 1) / size)
    assert found.outcomes == {
        "correct": pytest.approx((size - 1) / size), "wrong": pytest.approx(1 / size),
        "unanswered": 0.0, "expert_error": 0.0,
    }  # fmt: skip
    assert found.same_outcome is None


def test_behaviours__recall_is_of_the_first_call(test_tasks: Recording) -> None:
    # Of the tasks on which exactly k experts are right, the share on which the one called first is.
    size, expert = len(test_tasks.tasks), test_tasks.registry.ids[2]
    other = test_tasks.registry.ids[3]
    runs = [made_up_run("x", [Outcome.WRONG] * size, experts=[(expert, other)] * size)]
    (found,) = behaviours_of(
        {"x": runs}, test=test_tasks, unseen=(), replay=Replay(test_tasks, max_turns=4, rule=AnswerRule.VOTE)
    )
    right = test_tasks.score[:, 0] == 1
    number = int(right.sum(axis=1).max())
    assert 0 < number < right.shape[1]
    assert found.recall[number] == pytest.approx(right[right.sum(axis=1) == number, 2].mean())


def test_behaviours__seeds_that_agree_on_a_task_tell_nothing_apart(test_tasks: Recording) -> None:
    size = len(test_tasks.tasks)
    runs = [made_up_run("x", [Outcome.WRONG] * size) for _ in range(2)]
    episodes = runs[1].episodes
    runs[1] = replace(runs[1], episodes=(replace(episodes[0], reward=1.0), *episodes[1:]))
    (found,) = behaviours_of(
        {"x": runs}, test=test_tasks, unseen=(), replay=Replay(test_tasks, max_turns=4, rule=AnswerRule.VOTE)
    )
    assert found.same_outcome == pytest.approx((size - 1) / size)
    assert found.recall == {}


def test_blocks__are_as_many_as_make_sense() -> None:
    assert blocks_of([]) == ()
    assert [block.num_episodes for block in blocks_of(np.ones(FEWEST_EPISODES + 1))] == [FEWEST_EPISODES + 1]
    assert len(blocks_of(np.ones(100_000))) == MOST_BLOCKS


def test_curve__pools_the_episodes_of_all_seeds() -> None:
    # 10 episodes of mean 0 and 30 of mean 1, none of them varying: the mean is 3/4, the variance 3/16, and the
    # interval reaches 1.96 * sqrt(3 / 16 / 40) = 0.1342 to each side.
    blocks = [Block(num_episodes=10, mean=0.0, variance=0.0)], [Block(num_episodes=30, mean=1.0, variance=0.0)]
    (found,) = curve_of(blocks, best=0.9)
    assert found.num_episodes == 30
    assert found.reward.mean == 0.75
    assert found.reward.high == pytest.approx(0.8842, abs=1e-4)
    assert found.reward.low == pytest.approx(0.6158, abs=1e-4)
    # A run has 20 episodes on average, of which each misses 0.15.
    assert found.regret.mean == pytest.approx(3.0)
    assert found.regret.high - found.regret.mean == pytest.approx(20 * 0.1342, abs=1e-3)


def test_curve__regret_adds_up() -> None:
    blocks = [Block(num_episodes=10, mean=0.5, variance=0.25), Block(num_episodes=20, mean=0.8, variance=0.16)]
    first, second = curve_of([blocks], best=0.9)
    assert (first.regret.mean, second.regret.mean) == (pytest.approx(4.0), pytest.approx(6.0))
    # Variances of sums add up: 10 * 0.25 + 20 * 0.16 = 5.7.
    assert second.regret.high - second.regret.mean == pytest.approx(1.96 * np.sqrt(5.7), abs=1e-3)


def test_best_call__is_the_mean_of_the_best_of_each_task(test_tasks: Recording) -> None:
    score, cost = test_tasks.score[:, 0], test_tasks.cost[:, 0]
    by_hand = [max(s - 0.01 * c for s, c in zip(*row, strict=True)) for row in zip(score, cost, strict=True)]
    assert best_call(test_tasks, cost_weight=0.01) == pytest.approx(np.mean(by_hand))
    assert best_call(test_tasks, cost_weight=0.0) == pytest.approx(score.max(axis=1).mean())


def test_curve__without_blocks_there_is_none() -> None:
    assert curve_of([(), ()], best=1.0) == ()
