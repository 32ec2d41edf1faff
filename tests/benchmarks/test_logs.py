"""Logs of decisions, and what they say of other policies."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from benchmarks.log_values import cross_fitted, estimated_values, true_value
from benchmarks.logs import (
    Log,
    checked_policy,
    draw_log,
    epsilon_chances,
    read_log,
    rewards_of,
    softmax_chances,
    write_log,
)
from maestro_agents.features import Features
from maestro_agents.recorded_tasks import recorded_tasks
from maestro_agents.ridge import estimates, ridges_of
from maestro_env.env import MaestroEnv
from maestro_env.errors import ConfigurationError, UnknownNameError
from maestro_env.recordings.load import load_recording
from maestro_env.recordings.recording import MISSING, Recording
from maestro_env.registry import STOP
from maestro_env.testing import fake_recording

ESTIMATORS = ("ips", "snips", "doubly_robust")


@pytest.fixture(scope="module")
def recording() -> Recording:
    return fake_recording(num_tasks=200)


def uniform(recording: Recording) -> NDArray[np.float64]:
    shape = (len(recording.tasks), len(recording.registry))
    return np.full(shape, 1 / shape[1])


def log_of(recording: Recording, *, size: int = 500, seed: int = 0) -> Log:
    return draw_log(recording, uniform(recording), size=size, rng=np.random.default_rng(seed))


def test_rewards__are_what_the_environment_pays() -> None:
    recording = fake_recording(num_tasks=40, failing=0.3)
    env = MaestroEnv(recording=recording, registry=None, split="train", cost_weight=0.05)
    rewards = rewards_of(recording, cost_weight=0.05)
    for task_id in env.task_ids:
        for expert in range(len(recording.registry)):
            env.reset(options={"task": task_id})
            paid = float(env.step(1 + expert)[1]) + float(env.step(STOP)[1])
            assert paid == pytest.approx(rewards[recording.index_of(task_id), expert], abs=1e-6)


def test_rewards__of_calls_that_were_not_recorded_are_unknown() -> None:
    recording = fake_recording(num_tasks=40, missing=0.3)
    assert (np.isnan(rewards_of(recording)) == (recording.status[:, 0] == MISSING)).all()


def test_chances__by_hand() -> None:
    # e^0, e^ln 3 and e^-inf: 1, 3 and 0 of 4.
    values = [[0.0, 0.5 * np.log(3), -np.inf]]
    assert softmax_chances(values, temperature=0.5).tolist() == [[pytest.approx(0.25), pytest.approx(0.75), 0.0]]
    # 0.2 / 4 for each, and 0.8 more for the preferred one.
    assert epsilon_chances([2], num_experts=4, epsilon=0.2).tolist() == [pytest.approx([0.05, 0.05, 0.85, 0.05])]
    with pytest.raises(ConfigurationError, match="Temperature 0; give one above 0"):
        softmax_chances(values, temperature=0)
    with pytest.raises(ConfigurationError, match=r"Epsilon 1\.5; give one in \[0, 1\]"):
        epsilon_chances([2], num_experts=4, epsilon=1.5)
    with pytest.raises(ConfigurationError, match="Experts 2 to 4 of 4; count from 0"):
        epsilon_chances([2, 4], num_experts=4, epsilon=0.2)


def test_draw_log__follows_the_behaviour(recording: Recording) -> None:
    chances = np.zeros_like(uniform(recording))
    chances[:, [1, 4]] = [0.2, 0.8]
    log = draw_log(recording, chances, size=10_000, rng=np.random.default_rng(0), cost_weight=0.1)
    # Standard error of a share: sqrt(0.2 x 0.8 / 10,000) = 0.004.
    assert np.bincount(log.action, minlength=8) / len(log) == pytest.approx([0, 0.2, 0, 0, 0.8, 0, 0, 0], abs=0.02)
    assert log.propensity.tolist() == np.where(log.action == 1, 0.2, 0.8).tolist()
    assert log.reward.tolist() == rewards_of(recording, cost_weight=0.1)[log.task, log.action].tolist()
    # 200 tasks, 50 decisions each on average: standard deviation 7.
    counts = np.bincount(log.task, minlength=200)
    assert 15 < counts.min() <= counts.max() < 85


def test_draw_log__is_the_same_for_the_same_seed(recording: Recording) -> None:
    first, second, third = (log_of(recording, seed=seed) for seed in (3, 3, 4))
    assert first.action.tolist() == second.action.tolist() != third.action.tolist()


def test_policy__refuses_what_are_no_chances(recording: Recording) -> None:
    chances = uniform(recording)
    with pytest.raises(ConfigurationError, match=r"Chances \(200, 7\) for \(200, 8\) tasks and experts"):
        checked_policy(chances[:, :7], recording)
    chances[3, 0] += 0.5
    with pytest.raises(ConfigurationError, match=rf"task {recording.task_ids[3]!r} .* sum to 1\.5"):
        checked_policy(chances, recording)
    chances[3, :2] = [-0.125, 0.375]
    with pytest.raises(ConfigurationError, match=r"at least -0\.125 and sum to 1;"):
        checked_policy(chances, recording)


def test_policy__refuses_calls_that_were_not_recorded() -> None:
    sparse = fake_recording(num_tasks=40, missing=0.3)
    with pytest.raises(ConfigurationError, match=r"may call '.*', which was not recorded there; give it the chance 0"):
        checked_policy(uniform(sparse), sparse)
    recorded = sparse.status[:, 0] != MISSING
    assert np.isfinite(true_value(sparse, recorded / recorded.sum(axis=1, keepdims=True)))


def test_log__comes_back_from_its_file(recording: Recording, tmp_path: Path) -> None:
    log = log_of(recording)
    write_log(tmp_path / "log.parquet", log, recording)
    back = read_log(tmp_path / "log.parquet", recording)
    for name in ("task", "action", "propensity", "reward"):
        assert getattr(back, name).tolist() == getattr(log, name).tolist()
    assert pq.read_schema(tmp_path / "log.parquet").names == ["task_id", "action", "propensity", "reward"]


def columns_of(recording: Recording) -> dict[str, Any]:
    """Two decisions as anyone might bring them: other numbers, coded text, and a column more."""
    return {
        "when": pa.array([1, 2]),
        "task_id": pa.array(recording.task_ids[:2]).dictionary_encode(),
        "action": pa.array(recording.registry.ids[:2], pa.large_string()),
        "propensity": pa.array([0.5, 1.0], pa.float32()),
        "reward": pa.array([0, 1], pa.int64()),
    }


def test_read_log__takes_anyones_own(recording: Recording, tmp_path: Path) -> None:
    pq.write_table(pa.table(columns_of(recording)), tmp_path / "own.parquet")
    log = read_log(tmp_path / "own.parquet", recording)
    found = (log.task.tolist(), log.action.tolist(), log.propensity.tolist(), log.reward.tolist())
    assert found == ([0, 1], [0, 1], [0.5, 1.0], [0.0, 1.0])


@pytest.mark.parametrize(
    ("column", "values", "says"),
    [
        ("propensity", None, r"own\.parquet lacks the column 'propensity'; it has \['when', 'task_id'"),
        ("propensity", [0.5, 0.0], r"own\.parquet: propensity, row 1: 0\.0 is not in \(0, 1\]"),
        ("propensity", [1.5, 0.5], r"propensity, row 0: 1\.5 is not in \(0, 1\]"),
        ("propensity", [0.5, float("nan")], r"propensity, row 1: nan is not in \(0, 1\]"),
        ("propensity", [0.5, None], r"own\.parquet, column 'propensity', row 1: is null"),
        ("propensity", ["high", "low"], r"column 'propensity': holds string; expected double"),
        ("reward", [float("inf"), 0.0], r"reward, row 0: inf is not a finite number"),
        ("task_id", [1, 2], r"column 'task_id': holds int64; expected string"),
    ],
)
def test_read_log__says_what_is_wrong(
    column: str, values: list[Any] | None, says: str, recording: Recording, tmp_path: Path
) -> None:
    columns = columns_of(recording)
    if values is None:
        del columns[column]
    else:
        columns[column] = pa.array(values)
    pq.write_table(pa.table(columns), tmp_path / "own.parquet")
    with pytest.raises(ConfigurationError, match=says):
        read_log(tmp_path / "own.parquet", recording)


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("action", "chart/Dirct", r"own\.parquet: Unknown expert 'chart/Dirct'\. Did you mean 'chart/Direct'"),
        ("task_id", "nothing/like/it", r"own\.parquet: Unknown task 'nothing/like/it'"),
    ],
)
def test_read_log__names_the_nearest_id(
    column: str, value: str, says: str, recording: Recording, tmp_path: Path
) -> None:
    pq.write_table(pa.table({**columns_of(recording), column: [value, value]}), tmp_path / "own.parquet")
    with pytest.raises(UnknownNameError, match=says):
        read_log(tmp_path / "own.parquet", recording)


def test_read_log__refuses_what_is_no_log(recording: Recording, tmp_path: Path) -> None:
    (tmp_path / "own.parquet").write_text("task_id,action\n", "utf-8")
    with pytest.raises(ConfigurationError, match=r"own\.parquet cannot be read as Parquet"):
        read_log(tmp_path / "own.parquet", recording)
    pq.write_table(pa.table(columns_of(recording)).slice(0, 0), tmp_path / "empty.parquet")
    with pytest.raises(ConfigurationError, match=r"give as many of each, one or more"):
        read_log(tmp_path / "empty.parquet", recording)


def test_true_value__by_hand(recording: Recording) -> None:
    always = epsilon_chances(np.full(200, 2), num_experts=8, epsilon=0.0)
    score, cost = recording.score[:, 0, 2].mean(), recording.cost[:, 0, 2].mean()
    assert true_value(recording, always) == pytest.approx(score)
    assert true_value(recording, always, cost_weight=0.1) == pytest.approx(score - 0.1 * cost)
    either = epsilon_chances(np.full(200, 2), num_experts=8, epsilon=1.0)
    assert true_value(recording, either) == pytest.approx(recording.score[:, 0].mean())


def test_estimated_values__of_the_logging_policy_itself(recording: Recording) -> None:
    log = log_of(recording)
    found = estimated_values(log, uniform(recording), recording)
    assert found.ips.value == pytest.approx(log.reward.mean())
    assert found.snips.value == pytest.approx(log.reward.mean())
    assert found.ips.effective_size == found.doubly_robust.effective_size == pytest.approx(len(log))


def test_cross_fitted__guesses_of_a_task_know_nothing_of_its_rewards(recording: Recording) -> None:
    log = log_of(recording)
    task = int(log.task[0])
    here = log.task == task
    other = Log(
        task=log.task, action=log.action, propensity=log.propensity, reward=np.where(here, 1 - log.reward, log.reward)
    )
    before, after = cross_fitted(log, recording), cross_fitted(other, recording)
    assert (before[here] == after[here]).all()
    assert (before[~here] != after[~here]).any()


def test_cross_fitted__guesses_are_informed() -> None:
    # Pictures of a kind are read best by their specialist, and the views show the kind.
    recording = fake_recording(num_tasks=400, benchmarks=("chart", "counting"))
    log = log_of(recording, size=2_000)
    guesses = cross_fitted(log, recording)
    truth = rewards_of(recording)[log.task]
    assert np.corrcoef(guesses.ravel(), truth.ravel())[0, 1] > 0.5


def test_estimated_values__need_two_tasks(recording: Recording) -> None:
    one = Log(task=np.array([5, 5]), action=np.array([0, 1]), propensity=np.array([0.5, 0.5]), reward=np.zeros(2))
    with pytest.raises(ConfigurationError, match="A log of one task"):
        estimated_values(one, uniform(recording), recording)


@pytest.fixture(scope="module")
def val() -> Recording:
    return recorded_tasks(MaestroEnv(recording=load_recording("embedded"), registry="core", split="val"))


@pytest.fixture(scope="module")
def worth(val: Recording) -> NDArray[np.float64]:
    """[N, P] what each expert is thought to be worth on val, by ridge regressions on 2,000 train tasks."""
    train = recorded_tasks(MaestroEnv(recording=load_recording("embedded"), registry="core", split="train"))
    rows = np.random.default_rng(0).choice(len(train.tasks), size=2_000, replace=False)
    scaled = Features.fit(train.question[rows], train.view[rows, 0])
    x, asked = (
        np.concatenate([np.ones((len(parts), 1)), parts], axis=1, dtype=np.float64)
        for parts in (scaled.of(train.question[rows], train.view[rows, 0]), scaled.of(val.question, val.view[:, 0]))
    )
    experts = len(train.registry)
    everyone = np.tile(np.arange(experts), len(rows))
    rewards = rewards_of(train)[rows].ravel()
    ridges = ridges_of(np.repeat(x, experts, axis=0), everyone, rewards, num_arms=experts)
    return estimates(ridges.inverses, ridges.sums, asked)


def coverage(
    val: Recording, behaviour: NDArray[np.float64], policy: NDArray[np.float64], *, repetitions: int, uniform: bool
) -> dict[str, float]:
    """Return in which share of logs each nominal 95 % interval holds the true value.

    Args:
        val: What is logged.
        behaviour: Who logs, 1,000 decisions.
        policy: Who is judged.
        repetitions: How many logs.
        uniform: Whether to claim that everyone was called with the same chance.
    """
    truth = true_value(val, policy)
    covered = dict.fromkeys(ESTIMATORS, 0)
    for seed in range(repetitions):
        log = draw_log(val, behaviour, size=1_000, rng=np.random.default_rng(seed))
        if uniform:
            claimed = np.full(len(log), 1 / behaviour.shape[1])
            log = Log(task=log.task, action=log.action, propensity=claimed, reward=log.reward)
        found = estimated_values(log, policy, val, seed=seed)
        for name in ESTIMATORS:
            low, high = getattr(found, name).interval()
            covered[name] += low <= truth <= high
    return {name: count / repetitions for name, count in covered.items()}


@pytest.fixture(scope="module")
def behaviour(val: Recording, worth: NDArray[np.float64]) -> NDArray[np.float64]:
    """[N, P] a soft policy that knows a little more than the log holds, as whoever logs in earnest may.

    If its chances are known that does no harm. If they are not, no model on the log can make up for it, for good
    rewards were picked.
    """
    return softmax_chances(worth + 0.2 * rewards_of(val), temperature=0.1)


def test_intervals__cover_the_true_value(
    val: Recording, worth: NDArray[np.float64], behaviour: NDArray[np.float64]
) -> None:
    policy = softmax_chances(worth, temperature=0.05)
    shares = coverage(val, behaviour, policy, repetitions=200, uniform=False)
    # Of 200 at 95 %, 180 are fewer than chance leaves out (binomial, p < 0.002).
    assert min(shares.values()) >= 0.9, shares


def test_intervals__miss_it_if_propensities_are_taken_as_uniform(
    val: Recording, worth: NDArray[np.float64], behaviour: NDArray[np.float64]
) -> None:
    policy = softmax_chances(worth, temperature=0.05)
    shares = coverage(val, behaviour, policy, repetitions=40, uniform=True)
    assert shares["ips"] == shares["snips"] == 0
    assert shares["doubly_robust"] < 0.8, shares
