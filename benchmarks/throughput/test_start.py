"""How long a fresh process takes from nothing to the first observation, and how much memory it then holds."""

import json
import subprocess
import sys
from statistics import median

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

_SCRIPT = """
import json, time
started = time.perf_counter()
import gymnasium, maestro_env
env = gymnasium.make("Maestro-v0")
env.reset(seed=0)
seconds = time.perf_counter() - started
with open("/proc/self/status") as status:
    resident = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
print(json.dumps({"seconds": seconds, "resident_mb": resident / 1024}))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="resident memory is read from /proc")
def test_start__first_make_and_reset(benchmark: BenchmarkFixture) -> None:
    """Report the seconds to the first observation and the memory held then."""
    measured: list[dict[str, float]] = []

    def start() -> None:
        done = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=True)
        measured.append(json.loads(done.stdout))

    benchmark.pedantic(start, rounds=5, iterations=1)
    benchmark.extra_info["make_and_reset_s"] = round(median(each["seconds"] for each in measured), 3)
    benchmark.extra_info["resident_mb"] = round(median(each["resident_mb"] for each in measured), 1)
