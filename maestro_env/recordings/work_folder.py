"""The folder in which a recording is made: it belongs to one plan, and a killed run's leftovers go."""

import shutil
from pathlib import Path

from maestro_env.errors import RecordingError

_PLAN = "plan.json"


def open_work_folder(work: Path, plan: str) -> None:
    """Create a work folder, or check that it is this plan's and clear what a killed run left unfinished.

    Args:
        work: The folder.
        plan: All that must be the same for the recording to be resumed, as JSON.

    Raises:
        RecordingError: It belongs to another plan.
    """
    path = work / _PLAN
    if path.exists():
        if path.read_text(encoding="utf-8") != plan:
            raise RecordingError(
                f"{work} holds shards of another plan (see {path}); record with that plan to finish it, remove the "
                "folder to start anew, or record to another folder."
            )
        for leftover in [work / "recording", *work.glob(".*"), *work.glob("*/.*")]:
            shutil.rmtree(leftover, ignore_errors=True)
        return
    work.mkdir(parents=True, exist_ok=True)
    half_written = work / f"{_PLAN}.new"
    half_written.write_text(plan, encoding="utf-8")
    half_written.replace(path)
