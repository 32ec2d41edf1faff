"""Recordings by name or path, read once per process."""

from functools import cache
from importlib import resources
from pathlib import Path

from maestro_env.errors import RecordingError, unknown_name
from maestro_env.recordings.format import read_recording
from maestro_env.recordings.manifest import MANIFEST
from maestro_env.recordings.recording import Recording


def recording_names() -> tuple[str, ...]:
    """Names of the recordings that ship with the package."""
    return tuple(sorted(path.name for path in _shipped().iterdir() if (path / MANIFEST).is_file()))


def load_recording(name_or_path: str | Path) -> Recording:
    """Load a shipped recording by name, or anyone's own by its folder; each is read once per process.

    Raises:
        UnknownNameError: Neither a shipped name nor an existing folder.
        RecordingError: The folder is no recording, a damaged one, or one that is not finished.
    """
    return _read_once(recording_folder(name_or_path))


def recording_folder(name_or_path: str | Path) -> Path:
    """Return the folder of a recording.

    Raises:
        UnknownNameError: Neither a shipped name nor an existing folder.
        RecordingError: It is not finished yet.
    """
    if str(name_or_path) in recording_names():
        return _shipped() / str(name_or_path)
    folder = Path(name_or_path)
    if not folder.is_dir():
        work = folder.with_name(f"{folder.name}.work")
        if work.is_dir():
            raise RecordingError(
                f"The recording {folder} is not finished: what was answered so far is in {work}. Run the same "
                "`maestro record` again; it goes on where it stopped."
            )
        raise unknown_name("recording", str(name_or_path), recording_names())
    return folder.resolve()


def _shipped() -> Path:
    return Path(str(resources.files("maestro_env.recordings")))


@cache
def _read_once(folder: Path) -> Recording:
    return read_recording(folder)
