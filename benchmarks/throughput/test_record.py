"""Calls a second of the recorder, with the shipped experts in one process."""

import argparse
import time
from itertools import count
from pathlib import Path
from statistics import median

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from maestro_env.cli import record
from maestro_env.experts.store import WEIGHTS_FOLDER
from maestro_env.recordings.format import read_recording
from maestro_env.recordings.recording import MISSING


@pytest.mark.skipif(not list(WEIGHTS_FOLDER.glob("*.safetensors")), reason="the experts' weights are not there yet")
def test_record__calls_a_second(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """Report the calls of a second."""
    parser = argparse.ArgumentParser()
    record.add_arguments(parser)
    folders = (tmp_path / str(number) for number in count())
    rates: list[float] = []

    def run() -> None:
        folder = next(folders)
        counts = ["--plain", "4", "0", "0", "--scenes", "24", "0", "0", "--test-only", "0", "0", "1"]
        wanted = [*counts, "--workers", "1"]
        started = time.perf_counter()
        record.run(parser.parse_args(["--out", str(folder), *wanted]))
        seconds = time.perf_counter() - started
        rates.append((read_recording(folder).status != MISSING).sum() / seconds)

    benchmark.pedantic(run, rounds=3, iterations=1, warmup_rounds=1)
    benchmark.extra_info["calls_per_second"] = round(float(median(rates)))
