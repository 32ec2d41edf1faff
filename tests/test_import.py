"""What an import loads: the package stays light, and says which extra is missing instead of failing obscurely."""

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"torch", "stable_baselines3", "sb3_contrib", "safetensors", "matplotlib", "pandas", "pygame", "scipy"}
"""Nothing of this may be loaded by an import of the package or of its command."""


def loaded_by(statement: str, *, folder: Path) -> set[str]:
    """Return the top-level packages that a statement loads in a fresh interpreter."""
    report = "import sys; print(*sorted({name.split('.')[0] for name in sys.modules}), sep=chr(10))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"{statement}\n{report}"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize("module", ["maestro_env", "maestro_env.testing", "maestro_env.cli"])
def test_import__loads_nothing_heavy(module: str, tmp_path: Path) -> None:
    loaded = loaded_by(f"import {module}", folder=tmp_path)
    assert "maestro_env" in loaded
    assert loaded & HEAVY == set()


def test_first_episode__loads_nothing_heavy(tmp_path: Path) -> None:
    # pandas, say, which pyarrow loads by itself where it is installed if its arrays are converted its way.
    first = "import gymnasium; env = gymnasium.make('maestro_env:Maestro-v0'); env.reset(seed=0); env.step(1)"
    assert loaded_by(first, folder=tmp_path) & HEAVY == set()


def test_import__leaves_the_terminal_library_to_the_command(tmp_path: Path) -> None:
    assert "rich" not in loaded_by("import maestro_env", folder=tmp_path)


def test_loaded_by__sees_what_is_loaded(tmp_path: Path) -> None:
    assert "tomllib" in loaded_by("import tomllib", folder=tmp_path)
    assert "tomllib" not in loaded_by("import json", folder=tmp_path)


def test_import__twice_registers_without_a_warning(tmp_path: Path) -> None:
    statement = "import importlib, maestro_env; importlib.reload(maestro_env)"
    assert "gymnasium" in loaded_by(statement, folder=tmp_path)


def test_import__registers_the_environment(tmp_path: Path) -> None:
    statement = "import maestro_env, gymnasium; assert gymnasium.spec('Maestro-v0').nondeterministic is False"
    assert "maestro_env" in loaded_by(statement, folder=tmp_path)
