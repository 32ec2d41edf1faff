"""Playing episodes and noting how they came out."""

import pytest
from sb3_contrib import MaskablePPO

from maestro_agents.cascade import Cascade
from maestro_agents.evaluate import evaluate
from maestro_agents.fixed_expert import FixedExpert
from maestro_agents.random import Random
from maestro_env.env import MaestroEnv
from maestro_env.errors import ConfigurationError, UnknownNameError
from maestro_env.types import Outcome
from tests.agents.conftest import HandMade


def test_evaluate__notes_what_happened(hand_made: HandMade) -> None:
    env = MaestroEnv(recording=hand_made([["r"], ["w"], ["."]], cost=2.0), registry=None, cost_weight=0.1)
    records = evaluate(FixedExpert(env).learn(0), env)
    assert [record.outcome for record in records] == [Outcome.CORRECT, Outcome.WRONG, Outcome.UNANSWERED]
    assert [record.correct for record in records] == [True, False, False]
    assert [record.answer for record in records] == ["r", "w", ""]
    assert [record.reward for record in records] == pytest.approx([0.8, -0.2, -0.2])  # the score less 0.1 x 2 passes
    first = records[0]
    assert (first.task_id, first.benchmark, first.gold) == ("b/train/0", "b", "r")
    assert (first.experts, first.calls, first.turns, first.passes) == (("m0/Direct",), 1, 1, 2.0)


def test_evaluate__plays_the_given_tasks_in_order(test_env: MaestroEnv) -> None:
    wanted = test_env.task_ids[5:2:-1]
    assert [record.task_id for record in evaluate(Random(test_env), test_env, tasks=wanted)] == list(wanted)


def test_evaluate__plays_every_task_once_unless_told_otherwise(test_env: MaestroEnv) -> None:
    assert [record.task_id for record in evaluate(Random(test_env), test_env)] == list(test_env.task_ids)


def test_evaluate__drawn_episodes_follow_the_seed(test_env: MaestroEnv) -> None:
    first, second = (evaluate(Random(test_env, seed=1), test_env, episodes=8, seed=4) for _ in range(2))
    assert len(first) == 8
    assert first == second


def test_evaluate__tasks_and_episodes_together_are_an_error(test_env: MaestroEnv) -> None:
    with pytest.raises(ConfigurationError, match=r"Both 1 tasks and 3 episodes.*one of them"):
        evaluate(Random(test_env), test_env, tasks=test_env.task_ids[:1], episodes=3)


@pytest.mark.parametrize("side_by_side", [2, 7, 1000])
def test_evaluate__side_by_side_episodes_come_out_as_one_by_one(
    train_env: MaestroEnv, test_env: MaestroEnv, side_by_side: int
) -> None:
    agent = Cascade(train_env).learn(0)  # it remembers within an episode, and episodes differ in length
    alone = evaluate(agent, test_env)
    assert len({record.calls for record in alone}) > 1
    assert evaluate(agent, test_env, side_by_side=side_by_side) == alone


def test_evaluate__side_by_side_gives_masks(hand_made: HandMade) -> None:
    env = MaestroEnv(recording=hand_made([["r"], ["w"], ["."]]), registry=None)
    model = MaskablePPO("MultiInputPolicy", env, n_steps=2, batch_size=2, seed=0)
    assert evaluate(model, env, side_by_side=3) == evaluate(model, env)


@pytest.mark.parametrize(("side_by_side", "episodes"), [(0, None), (2, 5)])
def test_evaluate__side_by_side_needs_named_tasks(
    test_env: MaestroEnv, side_by_side: int, episodes: int | None
) -> None:
    with pytest.raises(ConfigurationError, match=f"side_by_side={side_by_side} must be at least 1, and goes with"):
        evaluate(Random(test_env), test_env, episodes=episodes, side_by_side=side_by_side)


def test_evaluate__a_task_of_another_split_is_an_error(train_env: MaestroEnv, test_env: MaestroEnv) -> None:
    with pytest.raises(UnknownNameError, match="task"):
        evaluate(Random(test_env), test_env, tasks=train_env.task_ids[:1])


def test_evaluate__gives_stable_baselines3_models_their_masks(hand_made: HandMade) -> None:
    # All experts but the last were not recorded, so an untrained model that saw no masks would run into them.
    env = MaestroEnv(recording=hand_made([["!!!!!!!!!r"]]), registry=None, strict=True)
    model = MaskablePPO("MultiInputPolicy", env, n_steps=8, batch_size=8, seed=0, device="cpu")
    for _ in range(10):
        records = evaluate(model, env, deterministic=False)  # a strict environment raises on a masked action
        assert records[0].calls <= 1


def test_evaluate__reports_its_progress(test_env: MaestroEnv) -> None:
    shares: list[float] = []
    evaluate(Random(test_env), test_env, tasks=test_env.task_ids[:4], progress=shares.append)
    assert shares == [0.25, 0.5, 0.75, 1.0]
