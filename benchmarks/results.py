"""A comparison's folder: what it holds, how it is begun, and how one that was interrupted goes on.

- `settings.json`: what is compared, and where the figures come from; written first.
- `episodes/`: a Parquet file for each finished run, together one table of every episode.
- `tasks.parquet`: the test tasks, with the oracle bounds of each.
- `report.html`, `accuracy-against-cost.png` and `leaderboard.md`.
- `summary.json`: every number; written last, so that a folder without it is unfinished.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.episodes import read_run
from benchmarks.playing import Run
from benchmarks.provenance import Provenance
from benchmarks.settings import Job, Settings, as_json, from_json
from maestro_env.errors import ConfigurationError

SETTINGS, SUMMARY, EPISODES, TASKS = "settings.json", "summary.json", "episodes", "tasks.parquet"
REPORT, FIGURE, LEADERBOARD = "report.html", "accuracy-against-cost.png", "leaderboard.md"


@dataclass(frozen=True, kw_only=True)
class Folder:
    """A comparison that was begun."""

    path: Path
    settings: Settings
    source: Provenance

    def file_of(self, job: Job) -> Path:
        """Return where a run is kept."""
        return self.path / EPISODES / f"{job.stem}.parquet"

    def run_of(self, job: Job) -> Run:
        """Return a finished run."""
        return read_run(self.file_of(job))


def begin(parent: Path, settings: Settings, source: Provenance) -> Folder:
    """Make a comparison's folder.

    Args:
        parent: Where; made if needed.
        settings: Of the comparison.
        source: Where its figures come from.

    Raises:
        ConfigurationError: `parent` is a comparison's folder itself.
    """
    if (parent / SETTINGS).is_file():
        raise ConfigurationError(
            f"{str(parent)!r} holds a comparison, and results are never overwritten. Go on with it by --resume "
            f"{parent}, or give --out another folder."
        )
    path = new_folder(parent, "compare", now=datetime.now())
    (path / EPISODES).mkdir()
    write_json(path / SETTINGS, {"settings": as_json(settings), "source": asdict(source)})
    return Folder(path=path, settings=settings, source=source)


def new_folder(parent: Path, kind: str, *, now: datetime) -> Path:
    """Make and return a folder named after the moment; an existing one is never touched.

    Args:
        parent: Made if needed.
        kind: Of what it will hold; its name begins with it.
        now: The moment.
    """
    name = f"{kind}-{now:%Y%m%d-%H%M%S}"
    for number in range(1, 1000):
        folder = parent / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    raise FileExistsError(f"{parent / name} and 998 more exist; give another --out.")


def reopen(path: Path, *, now: Provenance) -> Folder:
    """Return a comparison that was interrupted, to go on with it.

    Args:
        path: Its folder.
        now: Of this process; the clone must be the one that the comparison was begun with.

    Raises:
        ConfigurationError: No comparison is there, or a finished one, or one of another commit.
    """
    if not (path / SETTINGS).is_file():
        raise ConfigurationError(
            f"There is no comparison in {str(path)!r}: no {SETTINGS}. Give a folder that a comparison made, such as "
            "results/compare-20260131-120000."
        )
    if (path / SUMMARY).is_file():
        raise ConfigurationError(f"The comparison in {str(path)!r} is finished; its report is {path / REPORT}.")
    begun = json.loads((path / SETTINGS).read_text("utf-8"))
    source = Provenance(**begun["source"])
    if source.commit != now.commit:
        raise ConfigurationError(
            f"The comparison in {str(path)!r} was begun at commit {source.commit or 'unknown'}; this clone is at "
            f"{now.commit or 'unknown'}. Results of two versions are not mixed: check that one out, or begin anew."
        )
    return Folder(path=path, settings=from_json(begun["settings"]), source=source)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON; numbers that JSON has no word for are an error."""
    path.write_text(json.dumps(content, allow_nan=False, ensure_ascii=False, indent=1) + "\n", "utf-8")
