"""Cascades on recordings small enough to reason about."""

from dataclasses import replace

import numpy as np
import pytest

from maestro_agents.batch_play import start
from maestro_agents.cascade import Cascade, Trail, cheap_to_dear, evidence_of, fit_cascade, last_calls, trail_of
from maestro_agents.evaluate import evaluate
from maestro_agents.recorded_tasks import recorded_tasks, terms_of
from maestro_env.env import MaestroEnv
from maestro_env.errors import ConfigurationError
from maestro_env.recordings.recording import Recording
from tests.agents.conftest import HandMade


def env_of(recording: Recording, **more: object) -> MaestroEnv:
    return MaestroEnv(recording=recording, registry=None, **more)  # type: ignore[arg-type]


def priced(recording: Recording, costs: list[float], sure: list[list[float]]) -> Recording:
    """A recording of one context with a cost for each expert, and a confidence for each task and expert."""
    passes = np.broadcast_to(np.array(costs, np.float32), recording.passes.shape).copy()
    return replace(recording, passes=passes, confidence=np.array(sure, np.float32)[:, None])


def trail(sure: list[list[float]], agreed: list[list[bool]]) -> Trail:
    nothing = np.zeros(np.shape(sure))
    return Trail(
        experts=tuple(range(len(sure))),
        sure=np.array(sure, np.float32),
        agreed=np.array(agreed),
        score=nothing,
        cost=nothing,
    )


def test_last_calls__stop_when_sure_or_agreed_or_at_the_end() -> None:
    # Four tasks: sure at once; sure only by the second, lower threshold; agreed at the second call; never.
    sure = [[0.9, 0.6, 0.1, 0.1], [0.9, 0.6, 0.1, 0.1], [0.0, 0.0, 0.0, 0.0]]
    agreed = [[False] * 4, [False, False, True, False], [False] * 4]
    assert last_calls(trail(sure, agreed), (0.9, 0.5, 2.0)).tolist() == [0, 1, 1, 2]


def test_evidence_of__needs_an_answer_and_two_who_agree() -> None:
    # Columns: invoked, answered, agrees, confidence, has_confidence, failed, invoked here.
    right = [1, 1, 1, 0.75, 1, 0, 1]
    other = [1, 1, 0, 0.5, 1, 0, 1]
    silent = [1, 0, 0, 0.25, 1, 0, 1]
    features = np.array([[right, right, silent], [right, right, silent], [right, other, silent]], np.float32)
    sure, agreed = evidence_of(features, np.array([1, 2, 1]))
    assert sure.tolist() == [0.75, -1.0, 0.5]
    assert agreed.tolist() == [True, False, False]  # the silent one adds nothing; with the other, one stands alone


def test_trail_of__reads_where_the_locator_moved_to(hand_made: HandMade) -> None:
    # Expert 0 is wrong on the whole image and right on the region that expert 1 finds.
    env = env_of(hand_made([["w1", "r."]], confidence=0.5))
    found = trail_of(start(recorded_tasks(env), terms_of(env)), (0, 1, 0))
    assert found.sure.tolist() == [[0.5], [-1.0], [0.5]]
    assert found.score.tolist() == [[0.0], [0.0], [1.0]]  # one vote each, and the latest wins the tie
    assert found.cost.tolist() == [[1.0], [2.0], [3.0]]
    assert not found.agreed.any()


def test_trail_of__a_masked_call_tells_nothing(hand_made: HandMade) -> None:
    env = env_of(hand_made([["r!"], ["rr"]], confidence=0.5))
    found = trail_of(start(recorded_tasks(env), terms_of(env)), (0, 1))
    assert found.sure[1].tolist() == [-1.0, 0.5]
    assert found.agreed[1].tolist() == [False, True]
    assert found.cost[1].tolist() == [1.0, 2.0]


@pytest.mark.parametrize("unit", [1.0, 1e-7])
def test_cheap_to_dear__by_cost_then_by_score(hand_made: HandMade, unit: float) -> None:
    # Readers 0 and 1 cost 1, and 1 is right more often; reader 2 costs 2; locator 3 costs 1, and on its region only
    # reader 0 is right: that step costs 2 as reader 2 does, and scores 1 instead of 0.
    recording = hand_made([["wrw1", "rww."], ["www1", "rww."]])
    passes = np.broadcast_to(np.array([1, 1, 2, 1], np.float32) * np.float32(unit), recording.passes.shape)
    env = env_of(replace(recording, passes=passes))
    beginning = start(recorded_tasks(env), terms_of(env))
    steps = cheap_to_dear(beginning, np.array([False, False, False, True]))
    assert steps == ((1,), (0,), (3, 0), (2,), (3, 1), (3, 2))
    single = env_of(replace(recording, passes=passes), max_turns=1)
    alone = cheap_to_dear(start(recorded_tasks(single), terms_of(single)), np.array([False, False, False, True]))
    assert alone == ((1,), (0,), (2,))  # with one turn nobody could read the region


def test_cascade__asks_the_dear_one_only_if_the_cheap_one_is_unsure(hand_made: HandMade) -> None:
    # Expert 0 costs 1 and is sure where it is right; expert 1 costs 5 and is always right.
    recording = priced(
        hand_made([["rr"], ["wr"], ["rr"], ["xr"]]), [1.0, 5.0], [[0.9, 0.9], [0.3, 0.9], [0.9, 0.9], [0.3, 0.9]]
    )
    env = env_of(recording, cost_weight=0.01)
    agent = Cascade(env).learn(0)
    assert agent.experts == (0, 1)
    assert 0.3 < agent.sure[0] <= 0.9
    records = evaluate(agent, env)
    assert [record.calls for record in records] == [1, 2, 1, 2]
    assert all(record.correct for record in records)


def test_cascade__keeps_to_its_mean_cost(hand_made: HandMade) -> None:
    # As above: both experts cost (1 + 6 + 1 + 6) / 4 = 3.5 on average, the dear one alone 5, the cheap one alone 1.
    recording = priced(
        hand_made([["rr"], ["wr"], ["rr"], ["xr"]]), [1.0, 5.0], [[0.9, 0.9], [0.3, 0.9], [0.9, 0.9], [0.3, 0.9]]
    )
    env = env_of(recording)
    costs = {
        limit: np.mean([r.passes for r in evaluate(Cascade(env, max_cost=limit).learn(0), env)])
        for limit in (1.0, 3.0, 3.5)
    }
    assert costs == {1.0: 1.0, 3.0: 1.0, 3.5: 3.5}


def test_cascade__stops_when_two_agree(hand_made: HandMade) -> None:
    # Nobody is ever sure. Experts 0 and 1 agree on the first task; on the second only expert 2 is right, and it is
    # heard last, so it wins the tie.
    recording = priced(hand_made([["rrw"], ["wxr"]]), [1.0, 2.0, 3.0], [[0.1] * 3] * 2)
    env = env_of(recording, cost_weight=0.001)
    agent = Cascade(env)
    agent.experts, agent.sure = (0, 1, 2), (2.0, 2.0, 2.0)
    records = evaluate(agent, env)
    assert [record.calls for record in records] == [2, 3]
    assert all(record.correct for record in records)


def test_cascade__moves_the_view_and_reads_again(hand_made: HandMade) -> None:
    # On two tasks the reader is sure at once; on the third it is right only on the region. Moving always
    # costs 2, reading first (1 + 1 + 3) / 3.
    recording = hand_made([["r1", "r."], ["r1", "r."], ["w1", "r."]])
    sure, unsure = [[0.9, 0.0], [0.9, 0.0]], [[0.3, 0.0], [0.9, 0.0]]
    confidence = np.array([sure, sure, unsure], np.float32)
    env = env_of(replace(recording, confidence=confidence), cost_weight=0.01)
    records = evaluate(Cascade(env).learn(0), env)
    assert [record.experts for record in records] == [("m0/Direct",)] * 2 + [("m0/Direct", "m1/Direct", "m0/Direct")]
    assert all(record.correct for record in records)


def test_fit_cascade__plays_as_it_was_fitted(train_env: MaestroEnv) -> None:
    own = recorded_tasks(train_env)
    beginning = start(own, terms_of(train_env))
    locators = np.array(["locator" in expert for expert in own.registry.ids])
    fit = fit_cascade(beginning, cheap_to_dear(beginning, locators), max_cost=2.5)
    records = evaluate(Cascade(train_env, max_cost=2.5).learn(0), train_env)
    assert np.mean([record.reward for record in records]) == pytest.approx(fit.reward)
    assert np.mean([record.passes for record in records]) == pytest.approx(fit.cost)
    assert fit.cost <= 2.5


def test_cascade__a_limit_below_every_call_is_an_error(hand_made: HandMade) -> None:
    with pytest.raises(ConfigurationError, match=r"Every call costs more than max_cost=0.5"):
        Cascade(env_of(hand_made([["r"]])), max_cost=0.5).learn(0)
