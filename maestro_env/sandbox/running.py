"""The trusted side of the sandbox: starts a fresh interpreter, keeps it to its limits, and says how it ended.

What confines the program stands in confine.py, which the fresh interpreter runs before it reads a line of it.
"""

import json
import os
import secrets
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, Any, cast

from maestro_env.sandbox import confine

_POLL_S = 0.05
"""How often the time and the folder are looked at."""
_MAX_REPORT_BYTES = 100_000
_MAX_ERROR_CHARS = 10_000


class Ended(StrEnum):
    """How a program ended."""

    FINISHED = "finished"
    """It ran to its last line."""
    RAISED = "raised"
    """An exception, `SystemExit` included: a program that leaves early has not run to its last line."""
    TIMEOUT = "timeout"
    TOO_MUCH_OUTPUT = "too much output"
    TOO_MUCH_ON_DISK = "too much on disk"
    KILLED = "killed"
    """By the kernel, at its limit of CPU time for one, or by its own doing."""
    NOT_CONFINED = "not confined"
    """It was not run: this machine cannot confine it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What a program may use."""

    wall_s: float = 10.0
    cpu_s: int = 10
    memory_bytes: int = 512 * 2**20
    """Of address space, the interpreter's own (about 40 MB) included."""
    output_bytes: int = 2**20
    """Standard output and standard error together."""
    disk_bytes: int = 16 * 2**20
    """Of each file, and of its folder as often as it is looked at."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """How a program ended, and what it wrote."""

    ended: Ended
    output: str = ""
    """Standard output; what is no UTF-8 is replaced."""
    error: str = ""
    """The traceback, or why the program was stopped or not run."""
    protections: tuple[str, ...] = ()
    """What confined it, as confine.py names it."""


def run_confined(program: str, *, limits: Limits | None = None) -> Result:
    """Run a program of Python in an interpreter of its own, confined, and wait for its end.

    It sees the standard library and an empty folder that is removed afterwards, no environment, no network, no other
    process, and cannot start one. It is not run where this machine cannot guarantee that.

    Args:
        program: The text of the program.
        limits: What it may use; `Limits()` if None.
    """
    missing = confine.unsupported()
    if missing:
        return Result(ended=Ended.NOT_CONFINED, error=missing)
    limits = limits or Limits()
    token = secrets.token_hex(16)
    with tempfile.TemporaryDirectory(prefix="maestro-sandbox-") as folder, tempfile.TemporaryFile() as source:
        source.write(program.encode("utf-8", "replace"))
        source.seek(0)
        report_read, report_write = os.pipe()
        order = {"report_fd": report_write, "token": token, "cpu_s": limits.cpu_s}
        order |= {"memory_bytes": limits.memory_bytes, "file_bytes": limits.disk_bytes}
        try:
            process = subprocess.Popen(
                # Isolated and without site: neither the environment nor installed packages take part.
                [sys.executable, "-I", "-S", "-B", "-u", confine.__file__, json.dumps(order)],
                stdin=source, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                cwd=folder, env={"LANG": "C.UTF-8", "PYTHONHASHSEED": "0"}, pass_fds=(report_write,),
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            os.close(report_read)
            return Result(ended=Ended.NOT_CONFINED, error=f"{sys.executable} could not be started: {error}")
        finally:
            os.close(report_write)
        with process, open(report_read, "rb") as report:
            return _watched(process, report, Path(folder), limits, token)


def _watched(process: subprocess.Popen[bytes], report: IO[bytes], folder: Path, limits: Limits, token: str) -> Result:
    """Read what the process writes until it ends, or stop it at a limit."""
    assert process.stdout is not None
    assert process.stderr is not None
    written: dict[int, bytearray] = {
        stream.fileno(): bytearray() for stream in (process.stdout, process.stderr, report)
    }
    stopped: Ended | None = None
    deadline_s = time.monotonic() + limits.wall_s
    with selectors.DefaultSelector() as selector:
        for number in written:
            selector.register(number, selectors.EVENT_READ)
        while selector.get_map():
            for key, _ in selector.select(_POLL_S):
                read = os.read(key.fd, 65_536)
                written[key.fd] += read
                if not read:
                    selector.unregister(key.fd)
            stopped = _limit_reached(written, report, folder, limits, deadline_s)
            if stopped:
                break
            if process.poll() is not None and not selector.select(0):
                break
        while not stopped and process.poll() is None:  # it closed its streams and goes on
            time.sleep(_POLL_S)
            stopped = _limit_reached(written, report, folder, limits, deadline_s)
    process.kill()
    process.wait()
    output, errors, reported = (bytes(written[stream.fileno()]) for stream in (process.stdout, process.stderr, report))
    return _result(stopped, process.returncode, output, errors, reported, limits, token)


def _limit_reached(
    written: dict[int, bytearray], report: IO[bytes], folder: Path, limits: Limits, deadline_s: float
) -> Ended | None:
    num_reported = len(written[report.fileno()])
    if sum(map(len, written.values())) - num_reported > limits.output_bytes or num_reported > _MAX_REPORT_BYTES:
        return Ended.TOO_MUCH_OUTPUT
    if time.monotonic() > deadline_s:
        return Ended.TIMEOUT
    if _num_bytes(folder) > limits.disk_bytes:
        return Ended.TOO_MUCH_ON_DISK
    return None


def _num_bytes(folder: Path) -> int:
    """Return what lies in a folder, 4 KiB a file at least. It is flat: a confined program can make no folders."""
    total = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                total += max(4096, entry.stat(follow_symlinks=False).st_size)
            except FileNotFoundError:  # removed since
                continue
    return total


def _result(
    stopped: Ended | None, code: int, output: bytes, errors: bytes, reported: bytes, limits: Limits, token: str
) -> Result:
    entries = _entries(reported)
    protections = next((entry["protections"] for entry in entries if "protections" in entry), None)
    text = output[: limits.output_bytes].decode("utf-8", "replace")
    if protections is None:
        said = errors.decode("utf-8", "replace")[-_MAX_ERROR_CHARS:]
        why = next((str(entry["refused"]) for entry in entries if "refused" in entry), said)
        return Result(ended=stopped or Ended.NOT_CONFINED, output=text, error=why)
    confined = tuple(str(protection) for protection in protections)
    if stopped:
        return Result(ended=stopped, output=text, error=_why(stopped, limits), protections=confined)
    # A program can write reports, but does not know the token; only after its last line is it written.
    last = next((entry for entry in entries if entry.get("token") == token), None)
    if last is not None:
        ended = Ended.FINISHED if last.get("finished") is True else Ended.RAISED
        error = str(last.get("error", ""))[-_MAX_ERROR_CHARS:]
        return Result(ended=ended, output=text, error=error, protections=confined)
    by = signal.Signals(-code).name if code < 0 else f"its own exit with status {code}"
    return Result(ended=Ended.KILLED, output=text, error=f"Ended by {by} before its last line.", protections=confined)


def _why(stopped: Ended, limits: Limits) -> str:
    allowed = {
        Ended.TIMEOUT: f"{limits.wall_s:g} s",
        Ended.TOO_MUCH_OUTPUT: f"{limits.output_bytes:,} bytes",
        Ended.TOO_MUCH_ON_DISK: f"{limits.disk_bytes:,} bytes",
    }
    return f"Stopped: {stopped}, more than {allowed[stopped]}."


def _entries(reported: bytes) -> list[dict[str, Any]]:
    """Return the reports that can be read; a program may have written among them."""
    entries: list[dict[str, Any]] = []
    for line in reported[:_MAX_REPORT_BYTES].splitlines():
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(entry, dict):
            entries.append(cast("dict[str, Any]", entry))
    return entries
