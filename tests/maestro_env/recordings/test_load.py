from pathlib import Path

import pytest

from maestro_env.errors import RecordingError, UnknownNameError
from maestro_env.recordings.format import write_recording
from maestro_env.recordings.load import load_recording
from maestro_env.testing import fake_recording


def test_load__reads_a_folder_once(tmp_path: Path) -> None:
    write_recording(tmp_path / "mine", fake_recording(num_tasks=12))
    first = load_recording(tmp_path / "mine")
    assert load_recording(str(tmp_path / "." / "mine")) is first


def test_load__an_unknown_name_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("maestro_env.recordings.load.recording_names", lambda: ("embedded",))
    with pytest.raises(UnknownNameError, match=r"Unknown recording 'embeded'. Did you mean 'embedded'"):
        load_recording("embeded")


def test_load__one_that_is_not_finished_says_how_to_go_on(tmp_path: Path) -> None:
    (tmp_path / "mine.work").mkdir()
    with pytest.raises(RecordingError, match=r"mine is not finished.*in .*mine\.work\. Run the same `maestro record`"):
        load_recording(tmp_path / "mine")
