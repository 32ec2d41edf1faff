"""Where a figure comes from: command, commit, hardware, versions."""

import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

_PACKAGES = ("maestro-env", "gymnasium", "numpy", "stable-baselines3", "sb3-contrib", "torch", "matplotlib")


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """What must be known to make a figure again."""

    command: str
    commit: str
    """Of the clone; ends in `+changes` where the working tree differs from it; empty outside a clone."""
    processor: str
    cores: int
    """That this process may use."""
    python: str
    versions: Mapping[str, str]
    """By package; empty where it is not installed."""


def provenance() -> Provenance:
    """Return the provenance of what this process computes."""
    return Provenance(
        command=" ".join([Path(sys.executable).name, *sys.orig_argv[1:]]),
        commit=_commit(),
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        python=platform.python_version(),
        versions={name: _version(name) for name in _PACKAGES},
    )


def _commit() -> str:
    commit = _git("rev-parse", "HEAD")
    return f"{commit}+changes" if commit and _git("status", "--porcelain", "--untracked-files=no") else commit


def _git(*arguments: str) -> str:
    folder = Path(__file__).parent
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError:  # git is not installed
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _processor() -> str:
    listing = Path("/proc/cpuinfo")
    if listing.is_file():
        for line in listing.read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
