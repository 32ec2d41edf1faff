import pytest

from maestro_env.errors import ConfigurationError
from maestro_env.rewards import CostAwareReward, EpisodeResult, OutcomeReward
from maestro_env.types import Outcome


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
