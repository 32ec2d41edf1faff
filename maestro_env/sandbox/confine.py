"""The confined side of the sandbox: gives up what a program must not have, for good, and then runs the program.

Started as a script in a fresh interpreter, so it imports nothing but the standard library. Three layers, each enforced
by the kernel and none of which the process can undo:

- seccomp: only listed system calls; none of them reaches the network, another process, or the rights of files;
- Landlock: reads of the standard library and of shared libraries alone, writes in the working folder alone;
- resource limits: CPU time, address space, size of a file, number of open files.

Where the kernel allows it, the process also leaves the machine's users, network and inter-process communication for
empty ones of its own. Sources: the kernel's seccomp(2), landlock(7), getrlimit(2) and user_namespaces(7).
"""

import ctypes
import errno
import json
import os
import platform
import resource
import signal
import struct
import sys
import sysconfig
import traceback

_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 22, 38
_NAMESPACES = {"users": 0x10000000, "network": 0x40000000, "ipc": 0x08000000, "host name": 0x04000000}

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every architecture
_LANDLOCK_VERSION, _RULE_PATH_BENEATH = 1, 1
_WRITE_FILE, _READ_FILE, _READ_DIR, _REMOVE_FILE, _MAKE_REG, _TRUNCATE = (1 << bit for bit in (1, 2, 3, 5, 8, 14))
_EXECUTE = 1
_RIGHTS_OF_VERSION = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
"""How many rights over files a version of Landlock knows; later versions know no more than the last."""
_NET_RIGHTS = 0b11  # bind and connect, from version 4
_SCOPES = 0b11  # abstract sockets and signals, from version 6

_AUDIT_ARCH_X86_64 = 0xC000003E
_X32_CALLS = 0x40000000
_SYSTEM_CALLS = {
    "read": 0, "write": 1, "open": 2, "close": 3, "stat": 4, "fstat": 5, "lstat": 6, "poll": 7, "lseek": 8, "mmap": 9,
    "mprotect": 10, "munmap": 11, "brk": 12, "rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigreturn": 15,
    "pread64": 17, "pwrite64": 18, "readv": 19, "writev": 20, "access": 21, "pipe": 22, "select": 23,
    "sched_yield": 24, "mremap": 25, "madvise": 28, "dup": 32, "dup2": 33, "nanosleep": 35, "getpid": 39, "exit": 60,
    "uname": 63, "fsync": 74, "fdatasync": 75, "ftruncate": 77, "getdents": 78, "getcwd": 79, "rename": 82,
    "creat": 85, "unlink": 87, "readlink": 89, "gettimeofday": 96, "getrlimit": 97, "getrusage": 98, "sysinfo": 99,
    "times": 100, "getuid": 102, "getgid": 104, "geteuid": 107, "getegid": 108, "getppid": 110, "sigaltstack": 131,
    "gettid": 186, "time": 201, "futex": 202, "sched_getaffinity": 204, "getdents64": 217, "restart_syscall": 219,
    "clock_gettime": 228, "clock_getres": 229, "clock_nanosleep": 230, "exit_group": 231, "openat": 257,
    "newfstatat": 262, "unlinkat": 263, "renameat": 264, "readlinkat": 267, "faccessat": 269, "pselect6": 270,
    "ppoll": 271, "set_robust_list": 273, "dup3": 292, "pipe2": 293, "preadv": 295, "pwritev": 296, "renameat2": 316,
    "getrandom": 318, "statx": 332, "rseq": 334, "faccessat2": 439,
}  # fmt: skip
"""What a program that computes and reads and writes its own files needs, by the numbers of x86-64. Left out on purpose:
everything that starts, signals or inspects a process, opens a socket, runs a file, makes folders or links, or changes
the rights, owners or times of files, which Landlock does not watch."""
_SECOND_ARGUMENTS = {
    16: (
        0x5401,
        0x5413,
        0x5450,
        0x5451,
        0x541B,
    ),  # ioctl: is it a terminal, its size, close on exec or not, bytes to read
    72: (0, 1, 2, 3, 4, 1030),  # fcntl: duplicate, flags; not F_SETOWN, by which a process can have another signalled
}
"""Calls that are allowed with these second arguments only."""

_ALLOW, _KILL, _REFUSE = 0x7FFF0000, 0x80000000, 0x00050000 | errno.EPERM
_LOAD, _JUMP_IF_EQUAL, _JUMP_IF_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_AT_NUMBER, _AT_ARCHITECTURE, _AT_SECOND_ARGUMENT = 0, 4, 24


class RefusedError(Exception):
    """The kernel does not give a protection that programs are never run without."""


def unsupported() -> str:
    """Return why programs cannot be confined on this machine, as far as that shows beforehand; empty if they can."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return f"Programs are confined on Linux on x86-64 only; this is {sys.platform} on {platform.machine()}."
    return ""


def confine(folder: str, *, cpu_s: int, memory_bytes: int, file_bytes: int) -> list[str]:
    """Confine this process for good and return what does.

    Raises:
        RefusedError: The kernel lacks Landlock or seccomp, or this process may not use them.
    """
    library = ctypes.CDLL(None, use_errno=True)
    # Whoever waits for this process and is killed takes it along.
    library.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    for limit, value in (
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_FSIZE, file_bytes),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (value, value))
    protections = ["limits", *_leave(library)]
    if library.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise RefusedError(f"no_new_privs: {os.strerror(ctypes.get_errno())}")
    protections.append(_restrict_files(library, folder))
    _restrict_calls(library)
    return [*protections, "seccomp"]


def _leave(library: ctypes.CDLL) -> list[str]:
    """Leave the machine's namespaces, as many as may be left; none is needed, for the filter does without them."""
    together = 0
    for flag in _NAMESPACES.values():
        together |= flag
    if library.unshare(together):
        return []
    return [f"own {name}" for name in _NAMESPACES]


def _restrict_files(library: ctypes.CDLL, folder: str) -> str:
    version = library.syscall(_CREATE_RULESET, None, 0, _LANDLOCK_VERSION)
    if version < 1:
        raise RefusedError(
            f"Landlock: {os.strerror(ctypes.get_errno())}; it takes Linux 5.13 with Landlock switched on"
        )
    all_rights = (1 << _RIGHTS_OF_VERSION.get(version, 16)) - 1
    fields = [all_rights, _NET_RIGHTS if version >= 4 else None, _SCOPES if version >= 6 else None]
    attributes = b"".join(struct.pack("=Q", field) for field in fields if field is not None)
    ruleset = library.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    if ruleset < 0:
        raise RefusedError(f"Landlock: {os.strerror(ctypes.get_errno())}")
    reading = _READ_FILE | _READ_DIR | _EXECUTE
    _allow(library, ruleset, folder, (reading | _WRITE_FILE | _REMOVE_FILE | _MAKE_REG | _TRUNCATE) & all_rights)
    for path in _readable():
        _allow(library, ruleset, path, reading)
    _allow(library, ruleset, os.devnull, _READ_FILE | _WRITE_FILE)
    if library.syscall(_RESTRICT_SELF, ruleset, 0):
        raise RefusedError(f"Landlock: {os.strerror(ctypes.get_errno())}")
    os.close(ruleset)
    return f"Landlock {version}"


def _readable() -> list[str]:
    """Return the folders of the standard library and of shared libraries."""
    paths = [sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"), os.path.dirname(os.__file__)]
    paths += ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/share/zoneinfo"]
    paths += [str(sysconfig.get_config_var("LIBDIR") or "/usr/lib")]
    return [path for path in dict.fromkeys(paths) if os.path.isdir(path)]


def _allow(library: ctypes.CDLL, ruleset: int, path: str, rights: int) -> None:
    opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    rule = struct.pack("=Qi", rights, opened)
    if library.syscall(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, rule, 0):
        raise RefusedError(f"Landlock: {path}: {os.strerror(ctypes.get_errno())}")
    os.close(opened)


class _Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def _restrict_calls(library: ctypes.CDLL) -> None:
    program = filter_program()
    filled = _Filter(length=len(program) // 8, instructions=program)
    if library.prctl(_PR_SET_SECCOMP, 2, ctypes.byref(filled), 0, 0):
        raise RefusedError(f"seccomp: {os.strerror(ctypes.get_errno())}")


def filter_program() -> bytes:
    """Return the filter of system calls, as the kernel's classic BPF: what is not listed is refused with EPERM."""
    code = [
        (_LOAD, 0, 0, _AT_ARCHITECTURE),
        (_JUMP_IF_EQUAL, 1, 0, _AUDIT_ARCH_X86_64),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _AT_NUMBER),
        (_JUMP_IF_AT_LEAST, 0, 1, _X32_CALLS),
        (_RETURN, 0, 0, _KILL),
    ]
    for call, arguments in _SECOND_ARGUMENTS.items():
        allowed = [(_JUMP_IF_EQUAL, len(arguments) - i, 0, argument) for i, argument in enumerate(arguments)]
        block = [(_LOAD, 0, 0, _AT_SECOND_ARGUMENT), *allowed, (_RETURN, 0, 0, _REFUSE), (_RETURN, 0, 0, _ALLOW)]
        code += [(_JUMP_IF_EQUAL, 0, len(block), call), *block]
    numbers = tuple(_SYSTEM_CALLS.values())
    code += [(_JUMP_IF_EQUAL, len(numbers) - i, 0, number) for i, number in enumerate(numbers)]
    code += [(_RETURN, 0, 0, _REFUSE), (_RETURN, 0, 0, _ALLOW)]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


def main() -> None:
    """Confine this process, run the program on standard input, and report how it ended."""
    order = json.loads(sys.argv[1])
    report = os.fdopen(order.pop("report_fd"), "wb", buffering=0)
    token = order.pop("token")
    source = sys.stdin.buffer.read()
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.argv = ["program.py"]
    try:
        protections = confine(os.getcwd(), **order)
    except (RefusedError, OSError, ValueError) as error:
        report.write(json.dumps({"refused": str(error)}).encode() + b"\n")
        return
    report.write(json.dumps({"protections": protections}).encode() + b"\n")
    ended: dict[str, object] = {"token": token}
    try:
        exec(compile(source, "program.py", "exec"), {"__name__": "__main__"})
    except BaseException:  # noqa: BLE001 - whatever the program raises is its result
        ended["error"] = traceback.format_exc(limit=-8)
    else:
        ended["finished"] = True
    report.write(json.dumps(ended).encode() + b"\n")
    # The interpreter's own end may run what the program left behind; nothing of it matters any more.
    os._exit(0)


if __name__ == "__main__":
    main()
