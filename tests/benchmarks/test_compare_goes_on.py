"""A comparison that is interrupted and goes on, several prices, and how long it will take."""

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from benchmarks import compare, running
from benchmarks.contenders import contender
from benchmarks.duration import forecast
from benchmarks.playing import Run
from benchmarks.settings import Settings, as_json, from_json, jobs_of
from maestro_env.errors import ConfigurationError
from maestro_env.recordings.format import write_recording
from maestro_env.testing import fake_recording


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recordings") / "fake"
    write_recording(path, fake_recording(num_tasks=100))
    return path


def settings_of(recording: Path, **others: Any) -> Settings:
    kept: dict[str, Any] = {"recording": str(recording), "seeds": 2, "processes": 1, "quick": True, **others}
    return Settings(**kept)


def quietly() -> Console:
    return Console(file=io.StringIO(), width=200)


def summary_of(folder: Path) -> Mapping[str, Any]:
    return json.loads((folder / "summary.json").read_text("utf-8"))


def without_times(folder: Path) -> str:
    """Everything in summary.json but where it comes from and how long it took."""
    summary = dict(summary_of(folder))
    del summary["source"]
    for agent in summary["agents"]:
        del agent["seconds"]
    return json.dumps(summary)


def test_resume__gives_what_an_undisturbed_comparison_gives(
    recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(recording, agents=("Random", "LinUCB"))
    undisturbed = compare.compare(settings, out=tmp_path / "undisturbed", console=quietly())
    made: list[tuple[str, int]] = []
    real = running.run

    def killed_after(number: int) -> None:
        def run(name: str, *, seed: int, **others: Any) -> Run:
            if len(made) == number:
                raise KeyboardInterrupt
            made.append((name, seed))
            return real(name, seed=seed, **others)

        monkeypatch.setattr(running, "run", run)

    killed_after(1)
    with pytest.raises(KeyboardInterrupt):
        compare.compare(settings, out=tmp_path / "killed", console=quietly())
    (folder,) = (tmp_path / "killed").iterdir()
    assert sorted(path.name for path in folder.iterdir()) == ["episodes", "settings.json"]
    killed_after(3)
    with pytest.raises(KeyboardInterrupt):
        compare.resume(folder, console=quietly())

    killed_after(5)  # more than there are
    console = quietly()
    assert compare.resume(folder, console=console) == folder
    assert made == [("Random", 0), ("Random", 1), ("LinUCB", 0), ("LinUCB", 1)]  # none was made twice
    assert "3 of 4 runs are done already" in console.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue]
    assert without_times(folder) == without_times(undisturbed)
    tables = [pq.read_table(path / "episodes") for path in (folder, undisturbed)]
    assert tables[0].equals(tables[1])


def test_compare__a_finished_comparison_is_never_touched(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = settings_of(recording, agents=("FixedExpert",))
    folder = compare.compare(settings, out=tmp_path, console=quietly())
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert compare.main(["--resume", str(folder)]) == 2
    assert "is finished; its report is" in " ".join(capsys.readouterr().err.split())
    assert compare.main(["--recording", str(recording), "--out", str(folder)]) == 2
    assert "never overwritten" in " ".join(capsys.readouterr().err.split())
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_resume__a_folder_without_a_comparison_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no comparison in .*no settings\.json"):
        compare.resume(tmp_path, console=quietly())


def test_resume__another_commit_is_an_error(recording: Path, tmp_path: Path) -> None:
    folder = compare.compare(settings_of(recording, agents=("FixedExpert",)), out=tmp_path, console=quietly())
    (folder / "summary.json").unlink()
    begun = json.loads((folder / "settings.json").read_text("utf-8"))
    begun["source"]["commit"] = "another"
    (folder / "settings.json").write_text(json.dumps(begun), "utf-8")
    with pytest.raises(ConfigurationError, match=r"begun at commit another.*not mixed"):
        compare.resume(folder, console=quietly())


def test_settings__survive_json() -> None:
    settings = Settings(agents=("Random", "a:B"), budgets=(0.01, 0.1))
    assert from_json(json.loads(json.dumps(as_json(settings)))) == settings


@pytest.mark.parametrize("wrong", [{"agents": ()}, {"seeds": 0}, {"processes": 0}])
def test_settings__nothing_to_run_is_an_error(wrong: Mapping[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="at least one of each"):
        Settings(**wrong)


def test_settings__two_agents_of_one_name_are_an_error() -> None:
    with pytest.raises(ConfigurationError, match="have the same name"):
        Settings(agents=("Random", "mine:Random"))


def test_budgets__everyone_is_fitted_at_each_weight(recording: Path, tmp_path: Path) -> None:
    settings = settings_of(recording, agents=("FixedExpert", "OpenLoopPlan"), budgets=(0.3, 0.02))
    folder = compare.compare(settings, out=tmp_path, console=quietly())
    summary = summary_of(folder)
    assert [curve["agent"] for curve in summary["budgets"]] == ["FixedExpert", "OpenLoopPlan"]
    plan = summary["budgets"][1]["points"]
    assert [point["cost_weight"] for point in plan] == [0.0, 0.02, 0.3]
    assert plan[2]["cost"]["mean"] < plan[0]["cost"]["mean"]  # what is dear is bought less
    assert plan[0]["accuracy"]["mean"] == pytest.approx(summary["agents"][1]["accuracy"]["mean"])
    episodes = pq.read_table(folder / "episodes")
    assert set(np.unique(episodes["cost_weight"].to_numpy())) == {0.0, 0.02, 0.3}
    assert "Accuracy for each price" in (folder / "report.html").read_text("utf-8")


def test_forecast__says_what_is_guessed_and_what_is_not_known(tmp_path: Path) -> None:
    own = "maestro_agents.random:Random"
    settings = Settings(agents=("FixedExpert", "PPO", own), seeds=2, processes=2)
    text = forecast(jobs_of(settings), settings, tmp_path)
    # Guessed: 2 s + 2 x 80 s, two at a time, so 81 s.
    assert [contender(name).seconds for name in ("FixedExpert", "PPO")] == [2, 80]
    assert text.startswith("5 runs, 2 at a time: roughly 80 seconds; guessed for FixedExpert, PPO from")
    assert "not counting Random, of which nothing is known" in text
    assert "earlier runs" not in text


def test_forecast__knows_earlier_runs_with_the_same_settings(recording: Path, tmp_path: Path) -> None:
    settings = settings_of(recording, agents=("FixedExpert",))
    compare.compare(settings, out=tmp_path, console=quietly())
    assert "the time is the median of earlier runs" in forecast(jobs_of(settings), settings, tmp_path)
    longer = settings_of(recording, agents=("FixedExpert",), quick=False)
    assert "guessed for FixedExpert" in forecast(jobs_of(longer), longer, tmp_path)
