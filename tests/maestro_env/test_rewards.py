import numpy as np
import pytest

from maestro_env.errors import ConfigurationError
from maestro_env.rewards import CostAwareReward, EpisodeResult, OutcomeReward, RewardFn, rewards_of
from maestro_env.types import OUTCOMES, Outcome


def result(score: float, cost: float) -> EpisodeResult:
    outcome = Outcome.CORRECT if score == 1.0 else Outcome.WRONG
    return EpisodeResult(outcome=outcome, score=score, cost=cost, num_turns=2)


def test_outcome_reward__is_the_score() -> None:
    assert OutcomeReward()(result(1.0, 9.0)) == 1.0
    assert OutcomeReward()(result(0.0, 9.0)) == 0.0


def test_cost_aware_reward__subtracts_the_price_of_the_cost() -> None:
    # 1 - 0.25 x 2 = 0.5; 0 - 0.25 x 2 = -0.5
    assert CostAwareReward(0.25)(result(1.0, 2.0)) == 0.5
    assert CostAwareReward(0.25)(result(0.0, 2.0)) == -0.5


@pytest.mark.parametrize("weight", [-0.1, float("nan"), float("inf")])
def test_cost_aware_reward__refuses_a_weight_without_meaning(weight: float) -> None:
    with pytest.raises(ConfigurationError, match=r"cost weight .* must be a finite number of at least 0"):
        CostAwareReward(weight)


def by_turns(result: EpisodeResult) -> float:
    """A reward of one's own."""
    return result.score - 0.1 * result.num_turns - (result.outcome is Outcome.UNANSWERED)


@pytest.mark.parametrize("reward_fn", [OutcomeReward(), CostAwareReward(0.3), by_turns])
def test_rewards_of__are_those_of_single_episodes(reward_fn: RewardFn) -> None:
    outcomes = np.arange(len(OUTCOMES))
    scores, costs, turns = np.array([1.0, 0.25, 0.0, 0.0]), np.array([0.1, 0.7, 3.0, 2.0]), np.array([1, 2, 3, 4])
    found = rewards_of(reward_fn, outcomes=outcomes, scores=scores, costs=costs, num_turns=turns)
    cells = zip(OUTCOMES, scores.tolist(), costs.tolist(), turns.tolist(), strict=True)
    expected = [
        0.0 if each is Outcome.EXPERT_ERROR else reward_fn(EpisodeResult(outcome=each, score=s, cost=c, num_turns=t))
        for each, s, c, t in cells
    ]
    assert found.tolist() == expected
