"""The wheel, as a stranger gets it: built here, installed beside its declared core dependencies and nothing else.

The clean environment is a venv without pip, whose site-packages holds the wheel and links to exactly the distributions
that the wheel's own metadata asks for. So a dependency that is used but not declared is missing there, and the test
needs neither a network nor a minute.
"""

import subprocess
import sys
import venv
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

DATA_FOLDERS = ("maestro_env/catalog", "maestro_env/experts/weights", "maestro_env/recordings/embedded")
"""Folders whose files are data; every one that the clone holds must be in the wheel."""


@pytest.fixture(scope="module")
def wheel(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=repository, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def clean_python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that holds the wheel and its core dependencies only."""
    folder = tmp_path_factory.mktemp("clean")
    venv.create(folder, with_pip=False, symlinks=True)
    (site_packages,) = folder.glob("lib/python3*/site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site_packages)
    for name in core_dependencies(site_packages):
        link_distribution(name, site_packages)
    return folder / "bin" / "python"


def core_dependencies(site_packages: Path) -> set[str]:
    """Return the distributions that the installed wheel needs without any extra, and what they need in turn."""
    (ours,) = metadata.distributions(name="maestro-env", path=[str(site_packages)])
    needed: set[str] = set()
    waiting = list(ours.requires or ())
    while waiting:
        requirement = Requirement(waiting.pop())
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        if requirement.name not in needed:
            needed.add(requirement.name)
            waiting += metadata.requires(requirement.name) or ()
    return needed


def link_distribution(name: str, site_packages: Path) -> None:
    """Link what a distribution of this environment installed into another site-packages."""
    found = metadata.distribution(name)
    tops = {file.parts[0] for file in found.files or () if file.parts[0] not in ("..", "__pycache__")}
    for top in tops:
        target = site_packages / top
        if not target.exists():
            target.symlink_to(Path(str(found.locate_file(top))).resolve())


def run_clean(python: Path, code: str) -> str:
    """Run code in the clean environment, away from the clone, and return what it printed."""
    done = subprocess.run([python, "-I", "-c", code], cwd=python.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_wheel__holds_both_packages_and_all_their_data(wheel: Path, repository: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    assert {"maestro_env/types.py", "maestro_env/py.typed", "maestro_agents/__init__.py"} <= held
    data = {
        path.relative_to(repository).as_posix()
        for folder in DATA_FOLDERS
        for path in (repository / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert "maestro_env/catalog/core.toml" in data
    assert data - held == set()


def test_wheel__holds_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/")[0] for name in archive.namelist()}
    assert tops == {"maestro_env", "maestro_agents", "maestro_env-0.1.0.dist-info"}


def test_wheel__clean_environment_has_no_torch(clean_python: Path) -> None:
    code = "from importlib.util import find_spec; print([n for n in ('torch', 'pytest', 'matplotlib') if find_spec(n)])"
    assert run_clean(clean_python, code) == "[]\n"


def test_wheel__imports_from_where_it_was_installed(clean_python: Path) -> None:
    printed = run_clean(clean_python, "import maestro_env; print(maestro_env.__file__)")
    assert printed.startswith(str(clean_python.parent.parent))


def test_wheel__reads_its_catalog(clean_python: Path) -> None:
    code = "from maestro_env.registry import load_registry; print(load_registry('core').ids[0])"
    assert run_clean(clean_python, code) == "generalist/Direct\n"


def test_wheel__plays_an_episode(clean_python: Path) -> None:
    code = """
import gymnasium
env = gymnasium.make("maestro_env:Maestro-v0")
_, info = env.reset(seed=0)
_, _, terminated, truncated, info = env.step(1)
_, _, terminated, truncated, info = env.step(0)
print(terminated, truncated, info["task_id"] != "")
"""
    assert run_clean(clean_python, code) == "True False True\n"


def test_wheel__command_runs(clean_python: Path) -> None:
    code = "import sys; sys.argv = ['maestro', '--help']; from maestro_env.cli import main; main()"
    assert "usage: maestro" in run_clean(clean_python, code)
