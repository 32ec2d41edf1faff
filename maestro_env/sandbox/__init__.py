"""Running programs that models wrote, confined by the kernel; where it cannot confine them, they are not run."""

from maestro_env.sandbox.running import Ended, Limits, Result, run_confined

__all__ = ["Ended", "Limits", "Result", "run_confined"]
