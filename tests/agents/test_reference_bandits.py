"""Our bandits against MABWiser's, an independent implementation, on the same streams of contexts, arms and rewards.

MABWiser's `alpha` is our `alpha` and `spread`, and with l2_lambda = 1 its ridge regressions are ours. Its UCB1 has our
form, alpha = 1 included: mean + alpha sqrt(2 ln N / N_p).

Three things differ, and are kept out. To an arm that was never pulled its bandits without context give 0, where ours
give infinity so that each is tried once. For l2_lambda other than 1, the inverse that its linear models start from is
none. And version 2.7.4 copies the generator to every arm along with the model, so that all arms of its LinTS draw the
same noise: their values are correlated at 0.98, and its choices are others; see `Reference.draw_apart`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from mabwiser.mab import MAB, LearningPolicy
from mabwiser.utils import create_rng
from numpy.typing import NDArray

from maestro_agents.arms import UCB1, EpsilonGreedy
from maestro_agents.bandit import Bandit
from maestro_agents.features import Features
from maestro_agents.lin_ts import LinTS
from maestro_agents.linucb import LinUCB
from maestro_agents.recorded_tasks import recorded_tasks
from maestro_env.env import MaestroEnv
from maestro_env.recordings.load import load_recording

PULLS, EVERY, ASKED = 400, 25, 20
"""Length of a stream, pulls between two comparisons, and contexts that are asked about in each."""
WIDTH = 0.7
"""`alpha` and `spread`; neither 0 nor 1, which would hide a factor that is missing or squared."""


@dataclass(frozen=True, kw_only=True)
class Stream:
    """What both learn from, and are asked about."""

    contexts: NDArray[np.float64]
    """[PULLS, F]"""
    pulled: NDArray[np.int64]
    """[PULLS] arms."""
    rewards: NDArray[np.float64]
    """[PULLS]"""
    asked: NDArray[np.float64]
    """[ASKED, F] contexts that are not learned from."""
    num_arms: int

    def begin(self, bandit: Bandit) -> None:
        bandit._begin(arms=self.num_arms, size=self.contexts.shape[1])

    def teach(self, bandit: Bandit, start: int, stop: int) -> None:
        for n in range(start, stop):
            bandit._update(int(self.pulled[n]), self.contexts[n], float(self.rewards[n]))


class Reference:
    """A bandit of MABWiser's: all that is used of it here, with types."""

    def __init__(self, policy: object, *, num_arms: int, seed: int = 0) -> None:
        self._arms = list(range(num_arms))
        self._mab: Any = MAB(self._arms, policy, seed=seed)

    def teach(self, stream: Stream, start: int, stop: int) -> None:
        part = slice(start, stop)
        contexts = stream.contexts[part] if self._mab.is_contextual else None
        self._mab.partial_fit(stream.pulled[part], stream.rewards[part], contexts)

    def values(self, contexts: NDArray[np.float64]) -> NDArray[np.float64]:
        """[n, P] what it would choose by, in [n, F] contexts, two or more."""
        found = self._mab.predict_expectations(contexts if self._mab.is_contextual else None)
        rows = found if isinstance(found, list) else [found] * len(contexts)
        return np.array([[row[arm] for arm in self._arms] for row in rows])

    def posterior(self, arm: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """[F] the mean of an arm's weights, and [F, F] their covariance but for alpha^2."""
        model = self._mab._imp.arm_to_model[arm]
        return model.beta, model.A_inv

    def draw_apart(self) -> None:
        """Give each arm of a LinTS a generator of its own, once it has learned."""
        for arm in self._arms:
            self._mab._imp.arm_to_model[arm].rng = create_rng(100 + arm)


def random_stream() -> Stream:
    """Six features, four arms much alike and noisy linear rewards; arm 3 is not pulled in the first half."""
    rng = np.random.default_rng(0)
    contexts = rng.normal(size=(PULLS + ASKED, 6))
    pulled = rng.integers(4, size=PULLS)
    pulled[: PULLS // 2] %= 3
    means = np.einsum("nf,nf->n", contexts[:PULLS], 0.05 * rng.normal(size=(4, 6))[pulled])
    return Stream(
        contexts=contexts[:PULLS],
        pulled=pulled,
        rewards=means + 0.3 * rng.normal(size=PULLS),
        asked=contexts[PULLS:],
        num_arms=4,
    )


def embedded_stream() -> Stream:
    """Real contexts and real scores: calls of random experts on train tasks of the embedded recording."""
    rng = np.random.default_rng(1)
    env = MaestroEnv(recording=load_recording("embedded"), registry="core", split="train")
    tasks = recorded_tasks(env)
    rows = rng.choice(len(tasks.tasks), size=PULLS + ASKED, replace=False)
    question, view = tasks.question[rows], tasks.view[rows, 0]
    scaled = Features.fit(question, view).of(question, view)
    contexts = np.concatenate([np.ones((len(rows), 1)), scaled], axis=1, dtype=np.float64)
    pulled = rng.integers(len(tasks.registry), size=PULLS)
    return Stream(
        contexts=contexts[:PULLS],
        pulled=pulled,
        rewards=tasks.score[rows[:PULLS], 0, pulled].astype(np.float64),
        asked=contexts[PULLS:],
        num_arms=len(tasks.registry),
    )


@pytest.fixture(scope="module", params=[random_stream, embedded_stream], ids=["random", "embedded"])
def stream(request: pytest.FixtureRequest) -> Stream:
    return request.param()


def test_stream__is_worth_comparing_on(stream: Stream) -> None:
    """Both streams reward and punish, and pull every arm at some time."""
    assert stream.rewards.std() > 0.1
    assert set(stream.pulled.tolist()) == set(range(stream.num_arms))


def test_linucb__upper_bounds_are_mabwisers(stream: Stream, train_env: MaestroEnv) -> None:
    ours = LinUCB(train_env, alpha=WIDTH)
    stream.begin(ours)
    theirs = Reference(LearningPolicy.LinUCB(alpha=WIDTH, l2_lambda=1), num_arms=stream.num_arms)
    for start in range(0, PULLS, EVERY):
        stream.teach(ours, start, start + EVERY)
        theirs.teach(stream, start, start + EVERY)
        assert np.allclose(ours._tempting(stream.asked), theirs.values(stream.asked), rtol=0, atol=1e-6)


def test_lin_ts__posterior_is_mabwisers(stream: Stream, train_env: MaestroEnv) -> None:
    ours = LinTS(train_env, spread=WIDTH)
    stream.begin(ours)
    theirs = Reference(LearningPolicy.LinTS(alpha=WIDTH, l2_lambda=1), num_arms=stream.num_arms)
    for start in range(0, PULLS, EVERY):
        stream.teach(ours, start, start + EVERY)
        theirs.teach(stream, start, start + EVERY)
        expected = ours._expected(stream.asked)
        for arm in range(stream.num_arms):
            mean, covariance = theirs.posterior(arm)
            assert np.allclose(expected[:, arm], stream.asked @ mean, rtol=0, atol=1e-6)
            assert np.allclose(ours._ridges.inverses[arm], covariance, rtol=0, atol=1e-6)


def test_lin_ts__drawn_values_and_choices_are_distributed_as_mabwisers(stream: Stream, train_env: MaestroEnv) -> None:
    """In three contexts, 2,000 draws of either: values of one mean and spread, and each arm is as often the best."""
    draws, contexts = 2_000, stream.asked[:3]
    ours = LinTS(train_env, spread=WIDTH, seed=5)
    stream.begin(ours)
    stream.teach(ours, 0, PULLS)
    theirs = Reference(LearningPolicy.LinTS(alpha=WIDTH, l2_lambda=1), num_arms=stream.num_arms)
    theirs.teach(stream, 0, PULLS)
    theirs.draw_apart()
    drawn = np.stack([ours._tempting(contexts) for _ in range(draws)])
    for context, mine in zip(contexts, drawn.swapaxes(0, 1), strict=True):
        other = theirs.values(np.repeat(context[None], draws, axis=0))
        size = other.std(axis=0)
        # Of n normal values, the standard error of a mean is size / sqrt(n), of a spread size / sqrt(2 n), of a share
        # sqrt(p (1 - p) / n); a difference of two has sqrt(2) times that. Five of them leave chance out.
        assert (np.abs(mine.mean(axis=0) - other.mean(axis=0)) < 5 * size * np.sqrt(2 / draws)).all()
        assert (np.abs(mine.std(axis=0) - size) < 5 * size / np.sqrt(draws)).all()
        shares = np.stack([best_shares(mine), best_shares(other)])
        p = shares.mean(axis=0)
        assert p.max() < 0.9, "no choice to compare"
        assert (np.abs(shares[0] - shares[1]) <= 5 * np.sqrt(2 * p * (1 - p) / draws)).all()


def best_shares(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """[P] how often each arm is the best of [n, P]."""
    return np.bincount(values.argmax(axis=1), minlength=values.shape[1]) / len(values)


def test_ucb1__upper_bounds_are_mabwisers_for_arms_that_were_pulled(stream: Stream, train_env: MaestroEnv) -> None:
    ours = UCB1(train_env, alpha=WIDTH)
    stream.begin(ours)
    theirs = Reference(LearningPolicy.UCB1(alpha=WIDTH), num_arms=stream.num_arms)
    for start in range(0, PULLS, EVERY):
        stream.teach(ours, start, start + EVERY)
        theirs.teach(stream, start, start + EVERY)
        pulled = np.unique(stream.pulled[: start + EVERY])
        bounds, other = ours._tempting(stream.asked), theirs.values(stream.asked)
        assert np.allclose(bounds[:, pulled], other[:, pulled], rtol=0, atol=1e-6)


def test_epsilon_greedy__means_are_mabwisers_for_arms_that_were_pulled(stream: Stream, train_env: MaestroEnv) -> None:
    ours = EpsilonGreedy(train_env, epsilon=0.0)
    stream.begin(ours)
    theirs = Reference(LearningPolicy.EpsilonGreedy(epsilon=0.0), num_arms=stream.num_arms)
    for start in range(0, PULLS, EVERY):
        stream.teach(ours, start, start + EVERY)
        theirs.teach(stream, start, start + EVERY)
        pulled = np.unique(stream.pulled[: start + EVERY])
        means, other = ours._expected(stream.asked), theirs.values(stream.asked)
        assert np.allclose(means[:, pulled], other[:, pulled], rtol=0, atol=1e-6)
