"""How long a fresh process takes to its first step, and how much memory it then holds."""

import json
import subprocess
import sys
from dataclasses import dataclass
from statistics import median

_SCRIPT = """
import json, time
begun = time.perf_counter()
import gymnasium, maestro_env
imported = time.perf_counter()
env = gymnasium.make("Maestro-v0")
made = time.perf_counter()
env.reset(seed=0)
env.step(1)
stepped = time.perf_counter()
with open("/proc/self/status") as status:
    held = {line.split(":")[0]: int(line.split()[1]) for line in status if line.startswith("Vm")}
print(json.dumps([imported - begun, made - imported, stepped - made, held["VmRSS"] / 1024]))
"""


@dataclass(frozen=True, kw_only=True)
class Start:
    """Medians over fresh processes."""

    import_s: float
    """`import gymnasium, maestro_env`."""
    make_s: float
    """`gym.make("Maestro-v0")`, which loads the recording."""
    first_step_s: float
    """`reset` and one `step`."""
    resident_mb: float


def start(processes: int) -> Start:
    """Start some fresh processes one after another; Linux only, as memory is read from /proc."""
    found: list[list[float]] = []
    for _ in range(processes):
        done = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=True)
        found.append(json.loads(done.stdout))
    import_s, make_s, first_step_s, resident_mb = (median(column) for column in zip(*found, strict=True))
    return Start(import_s=import_s, make_s=make_s, first_step_s=first_step_s, resident_mb=resident_mb)
