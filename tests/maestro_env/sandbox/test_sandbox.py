"""The sandbox: what a program may do, how it ends, and what it cannot get at however it tries."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from maestro_env.sandbox import Ended, Limits, Result, confine, run_confined

ENOUGH = Limits(wall_s=30)
"""For machines that do other things as well: what ends a program in these tests is never how fast it is."""


@pytest.fixture(autouse=True, scope="module")
def _confining() -> None:
    result = run_confined("", limits=ENOUGH)
    if result.ended == Ended.NOT_CONFINED:
        pytest.skip(f"this machine cannot confine a program: {result.error}")


def run(program: str, **limits: float) -> Result:
    return run_confined(program, limits=Limits(**{"wall_s": 30, **limits}))  # type: ignore[arg-type]


def test_program__computes_prints_and_writes_its_own_files() -> None:
    result = run(
        "import collections, decimal, heapq, itertools, json, math, random, re\n"
        "open('notes', 'w').write('é' * 3)\n"
        "print(open('notes').read(), math.isqrt(50), __name__)"
    )
    assert (result.ended, result.output, result.error) == (Ended.FINISHED, "ééé 7 __main__\n", "")
    assert {"limits", "seccomp"} < set(result.protections)


@pytest.mark.parametrize(
    ("program", "error"),
    [
        ("assert 1 == 2", "AssertionError"),
        ("def f(: pass", "SyntaxError"),
        ("def f(x): return f(x)\nf(1)", "RecursionError"),
        ("import sys; sys.exit(0)", "SystemExit: 0"),
        ("import numpy", "No module named 'numpy'"),
        ("import maestro_env", "No module named 'maestro_env'"),
        ("input()", "EOFError"),
        ("x = bytearray(10 ** 10)", "MemoryError"),
        ("open('a', 'wb').write(b'x' * 10 ** 8)", "File too large"),
    ],
)
def test_program__that_raises(program: str, error: str) -> None:
    result = run(program)
    assert result.ended == Ended.RAISED
    assert error in result.error


def test_program__that_leaves_early_has_not_finished() -> None:
    result = run("print('so far'); import os; os._exit(0)")
    assert (result.ended, result.output) == (Ended.KILLED, "so far\n")
    assert "status 0 before its last line" in result.error


@pytest.mark.parametrize("report", ['{"token": "guess", "finished": true}', '{"finished": true}', "[", "0" * 99_000])
def test_program__that_writes_its_own_report_has_not_finished(report: str) -> None:
    # The report's descriptor is among the first; the token is not to be had without it being looked for in memory.
    program = (
        "import os\nfor number in range(3, 20):\n  try: os.write(number, " + repr(report.encode() + b"\n") + ")\n"
        "  except OSError: pass\nos._exit(0)"
    )
    assert run(program).ended == Ended.KILLED


def test_program__that_does_not_end() -> None:
    result = run("while True: pass", wall_s=1)
    assert (result.ended, result.error) == (Ended.TIMEOUT, "Stopped: timeout, more than 1 s.")


def test_program__that_closes_its_streams_and_does_not_end() -> None:
    program = "import os\nfor n in range(20):\n  try: os.close(n)\n  except OSError: pass\nwhile True: pass"
    assert run(program, wall_s=1).ended == Ended.TIMEOUT


def test_program__at_its_limit_of_cpu_time() -> None:
    result = run("while True: pass", cpu_s=1, wall_s=120)
    assert result.ended == Ended.KILLED
    assert "SIGKILL" in result.error


def test_output__without_end() -> None:
    result = run("while True: print('x' * 10000)", output_bytes=50_000)
    assert result.ended == Ended.TOO_MUCH_OUTPUT
    assert len(result.output) <= 50_000
    assert "more than 50,000 bytes" in result.error


def test_disk__many_files() -> None:
    result = run("n = 0\nwhile True:\n  n += 1\n  open(str(n), 'w').write('x' * 1000)", disk_bytes=1_000_000)
    assert result.ended == Ended.TOO_MUCH_ON_DISK


def test_output__that_is_no_utf_8() -> None:
    assert run("import sys; sys.stdout.buffer.write(b'a\\xff')").output == "a\ufffd"


REFUSED = "PermissionError"
# Each would do no harm if it were let through: signal 0 asks for the right to signal and signals nobody.
ESCAPES = {
    "a socket": "import socket; socket.socket()",
    "a name on the network": "import socket; print(socket.gethostbyname('localhost'))",
    "a page": "import urllib.request; urllib.request.urlopen('http://127.0.0.1')",
    "fork": "import os; os.fork()",
    "a fork bomb": "import os\nfor _ in range(3): os.fork()",
    "another program": "import subprocess; subprocess.run(['/bin/true'])",
    "another program in its place": "import os; os.execv('/bin/true', ['true'])",
    "killing the parent": "import os; os.kill(os.getppid(), 0)",
    "killing everybody": "import os; os.kill(-1, 0)",
    "killing by group": "import os; os.killpg(os.getpgid(0), 0)",
    "signals by a file's owner": "import fcntl, os; fcntl.fcntl(1, fcntl.F_SETOWN, os.getppid())",
    "the parent's environment": "import os; print(open(f'/proc/{os.getppid()}/environ').read())",
    "the parent's memory": "import os; print(open(f'/proc/{os.getppid()}/mem', 'rb').read(1))",
    "passwords": "print(open('/etc/passwd').read())",
    "a home": "import os; print(os.listdir('/root'))",
    "a folder above": "open('../escaped', 'w')",
    "a temporary folder": "open('/tmp/escaped', 'w')",
    "the library": "import os; open(os.__file__, 'a')",
    "truncating": "import os; os.truncate(os.__file__, os.stat(os.__file__).st_size)",
    "a link out": "import os; os.symlink('/etc', 'etc')",
    "a hard link out": "import os; os.link(os.__file__, 'os.py')",
    "rights of files": "import os; os.chmod('/tmp', 0o1777)",
    "times of files": "import os; os.utime(os.__file__)",
    "a folder": "import os; os.mkdir('inner')",
    "another root": "import os; os.chroot('.')",
    "a device": "open('/dev/zero', 'rb')",
    "memory as a file": "import os; os.memfd_create('x')",
    "more limits": "import resource; resource.setrlimit(resource.RLIMIT_AS, (-1, -1))",
    "the parent's limits": "import os, resource; resource.prlimit(os.getppid(), resource.RLIMIT_CPU, (-1, -1))",
}


@pytest.mark.parametrize("escape", ESCAPES.values(), ids=ESCAPES.keys())
def test_escape__is_refused(escape: str) -> None:
    result = run(f"{escape}\nprint('escaped')")
    assert result.ended == Ended.RAISED
    assert any(
        word in result.error for word in (REFUSED, "Operation not permitted", "gaierror", "not allowed to raise")
    )
    assert "escaped" not in result.output
    assert not Path("/tmp/escaped").exists()


RAW = {
    "socket": (41, "2, 1, 0"), "clone": (56, "17, 0, 0, 0, 0"), "clone3": (435, "0, 0"), "fork": (57, ""),
    "vfork": (58, ""),
    "execve": (59, "b'/bin/true', 0, 0"), "kill": (62, "os.getppid(), 0"), "ptrace": (101, "16, os.getppid(), 0, 0"),
    "process_vm_readv": (310, "os.getppid(), 0, 0, 0, 0, 0"), "pidfd_open": (434, "os.getppid(), 0"),
    "io_uring_setup": (425, "1, 0"), "bpf": (321, "0, 0, 0"), "keyctl": (250, "0, 0"), "unshare": (272, "0x10000000"),
    "mount": (165, "0, 0, 0, 0, 0"), "setns": (308, "0, 0"), "chmod": (90, "b'notes', 0"),
}  # fmt: skip
"""System calls made without Python's functions for them, by their numbers on x86-64."""


@pytest.mark.parametrize("name", RAW)
def test_escape__by_a_raw_system_call_is_refused(name: str) -> None:
    number, arguments = RAW[name]
    result = run(
        "import ctypes, os\nlibrary = ctypes.CDLL(None, use_errno=True)\n"
        f"print(library.syscall({number}{', ' if arguments else ''}{arguments}), ctypes.get_errno())"
    )
    assert (result.ended, result.output) == (Ended.FINISHED, "-1 1\n")  # EPERM


def test_escape__by_the_calls_of_another_architecture_is_fatal() -> None:
    # The x32 variant of getpid: the same number with bit 30 set.
    result = run("import ctypes\nctypes.CDLL(None).syscall(0x40000000 + 39)\nprint('escaped')")
    assert (result.ended, result.output) == (Ended.KILLED, "")
    assert "SIGSYS" in result.error


def test_environment__holds_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    result = run("import os; print(dict(os.environ))")
    assert result.output == "{'LANG': 'C.UTF-8', 'PYTHONHASHSEED': '0'}\n"


def test_descriptors__of_the_parent_are_not_inherited(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    with (tmp_path / "secret").open() as secret:
        os.set_inheritable(secret.fileno(), True)
        result = run(
            "import os\nfor n in range(3, 60):\n  try: print(os.pread(n, 100, 0))\n  except OSError: pass\nprint('.')"
        )
    assert result.output == ".\n"


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.5)
        yield server


def test_network__a_server_on_this_machine_hears_nothing(listening: socket.socket) -> None:
    port = listening.getsockname()[1]
    result = run(f"import socket; socket.create_connection(('127.0.0.1', {port}), timeout=2)")
    assert result.ended == Ended.RAISED
    with pytest.raises(TimeoutError):
        listening.accept()


def test_folder__is_removed_whatever_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    program = "import os\nfor n in range(50): open(str(n), 'w').close()\nos.close(os.open('no-rights', os.O_CREAT, 0))"
    assert run(program).ended == Ended.FINISHED
    assert list(tmp_path.iterdir()) == []


def test_parent__that_is_killed_takes_the_program_along(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    code = (
        "from maestro_env.sandbox import Limits, running\n"
        "popen = running.subprocess.Popen\n"
        "def noted(*args, **kwargs):\n"
        "    process = popen(*args, **kwargs)\n"
        f"    open({str(mark)!r} + '.new', 'w').write(str(process.pid))\n"
        f"    import os; os.rename({str(mark)!r} + '.new', {str(mark)!r})\n"
        "    return process\n"
        "running.subprocess.Popen = noted\n"
        "running.run_confined('import time; time.sleep(600)', limits=Limits(wall_s=600))\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code])
    try:
        _wait_for(mark.exists)
        pid = int(mark.read_text())
        # It is confined, and so bound to its parent, once it sleeps; until then killing the parent may leave it.
        _wait_for(lambda: "Seccomp:\t2" in Path(f"/proc/{pid}/status").read_text())
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    _wait_for(lambda: not _runs(pid))


def _runs(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def _wait_for(condition: object) -> None:
    deadline_s = time.monotonic() + 30
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline_s
        time.sleep(0.05)


def test_unsupported__machines_run_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    result = run_confined("print('ran')")
    assert (result.ended, result.output) == (Ended.NOT_CONFINED, "")
    assert "confined on Linux on x86-64 only; this is darwin" in result.error


def test_refusing_kernel__runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A confine.py whose number of Landlock's first call is one that no kernel has.
    text = Path(confine.__file__).read_text().replace("= 444, 445, 446", "= 9999, 445, 446")
    (tmp_path / "confine.py").write_text(text)
    monkeypatch.setattr(confine, "__file__", str(tmp_path / "confine.py"))
    result = run("print('ran')")
    assert (result.ended, result.output) == (Ended.NOT_CONFINED, "")
    assert "Landlock: Function not implemented" in result.error
