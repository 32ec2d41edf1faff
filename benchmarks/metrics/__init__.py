"""What routing is judged by: pure functions of scores and costs, each with its source. Intervals are bootstrap.py's."""

from benchmarks.metrics.frontier import (
    Hull,
    aiq,
    aiq_routerbench_code,
    cost_save,
    hull_of,
    pareto_distance,
    pareto_frontier,
    perf_gain,
)
from benchmarks.metrics.off_policy import Estimate, doubly_robust, ips, snips
from benchmarks.metrics.robust import interquartile_mean, probability_of_improvement
from benchmarks.metrics.strong_weak import apgr, cpt, pgr
from benchmarks.metrics.usage import (
    collapse,
    cumulative_regret,
    model_recall,
    usage_entropy,
    zero_advantage_share,
)

__all__ = [
    "Estimate",
    "Hull",
    "aiq",
    "aiq_routerbench_code",
    "apgr",
    "collapse",
    "cost_save",
    "cpt",
    "cumulative_regret",
    "doubly_robust",
    "hull_of",
    "interquartile_mean",
    "ips",
    "model_recall",
    "pareto_distance",
    "pareto_frontier",
    "perf_gain",
    "pgr",
    "probability_of_improvement",
    "snips",
    "usage_entropy",
    "zero_advantage_share",
]
