"""Pictures a second and core: what drawing a task costs, at its native size and with its answers."""

from itertools import count
from statistics import median
from time import process_time

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from maestro_env.tasks.benchmarks import BENCHMARKS
from maestro_env.tasks.procedural.generate import render

PICTURES = 20
"""A round draws this many, of all kinds and difficulties."""


@pytest.mark.parametrize("name", BENCHMARKS)
def test_render__pictures_a_second(benchmark: BenchmarkFixture, name: str) -> None:
    """Report the pictures of a second of processor time: wall time would count what else the machine does."""
    indices = count()
    rates: list[float] = []

    def draw() -> None:
        started = process_time()
        for _ in range(PICTURES):
            render(name, "train", next(indices))
        rates.append(PICTURES / (process_time() - started))

    benchmark.pedantic(draw, rounds=5, iterations=1, warmup_rounds=1)
    benchmark.extra_info["pictures_per_cpu_second"] = round(float(median(rates)))
