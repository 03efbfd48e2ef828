"""What the engine's process may reach, held by the kernel: its data directory, and no network of its own making.

The embedded engine takes itself for a command-line tool: `file()`, format templates, schemas and defaults of columns
open whatever its user may open, and no grant stands before all of them. So the process gives that right away before
the engine's first thread is born (Landlock, Linux 5.19 and newer), and with it the calls that open sockets and start
programs (seccomp). Both hold for all threads born later, and cannot be taken back.

Sources: the kernel's Documentation/userspace-api/landlock.rst and seccomp_filter.rst; include/uapi/linux/landlock.h.
"""

import ctypes
import importlib.util
import os
import platform
import stat
import struct
import sys
import sysconfig
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

_PR_SET_NO_NEW_PRIVS: Final = 38
_LANDLOCK_CREATE_RULESET, _LANDLOCK_ADD_RULE, _LANDLOCK_RESTRICT_SELF = 444, 445, 446  # of every architecture
_VERSION_FLAG: Final = 1
_PATH_BENEATH: Final = 1
# Rights by the version of Landlock that knows them. Before 2, files could not move between directories at all.
_FIRST_RIGHTS: Final = (1 << 13) - 1
_LATER_RIGHTS: Final = {2: 1 << 13, 3: 1 << 14, 5: 1 << 15}  # move between directories, truncate, ioctl of devices
_READ_FILE, _READ_DIRECTORY, _EXECUTE = 1 << 2, 1 << 3, 1
_LEAST_VERSION: Final = 2

_SECCOMP_SET_MODE_FILTER: Final = 1
_SECCOMP_ALL_THREADS: Final = 1
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | 1  # EPERM
_LOAD, _JUMP_EQUAL, _JUMP_FROM, _RETURN = 0x20, 0x15, 0x35, 0x06
# By architecture: its audit number, that of seccomp(2), and the calls that reach out: socket, connect, execve,
# execveat, ptrace, process_vm_readv, process_vm_writev, io_uring_setup, bpf.
_ARCHITECTURES: Final = {
    "x86_64": (0xC000003E, 317, (41, 42, 59, 322, 101, 310, 311, 425, 321)),
    "aarch64": (0xC00000B7, 277, (198, 203, 221, 281, 117, 270, 271, 425, 280)),
}
_X32_CALLS: Final = 0x40000000  # a second numbering of the same calls on x86_64

# Devices, and what the engine asks of the machine: how much memory and how many processors there are.
_SYSTEM_READ: Final = ("/dev/urandom", "/dev/null", "/sys/fs/cgroup", "/sys/devices/system")
_LIBRARIES: Final = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib")


def confine(writable: Iterable[Path], readable: Iterable[Path] = ()) -> str:
    """Confine this process to `writable` directories, `readable` paths and installed code. Call it before any thread.

    Returns "" when that holds, else why this system cannot do it; nothing is confined then.
    """
    if not sys.platform.startswith("linux"):
        return f"{platform.system()} has no Landlock"
    architecture = _ARCHITECTURES.get(platform.machine())
    if architecture is None or sys.maxsize < 2**32:
        return f"confining a process on {platform.machine()} is not supported"
    kernel = ctypes.CDLL(None, use_errno=True)
    version = kernel.syscall(_LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION_FLAG)
    if version < _LEAST_VERSION:
        return f"this kernel's Landlock is missing or too old (version {max(version, 0)})"
    rights = _FIRST_RIGHTS | sum(right for since, right in _LATER_RIGHTS.items() if version >= since)
    try:
        _restrict_files(kernel, rights, list(writable), [*readable, *_code(), *map(Path, _SYSTEM_READ)])
        _refuse_calls(kernel, *architecture)
    except OSError as error:
        return f"the kernel cannot confine this process ({error.strerror})"
    return ""


def _restrict_files(kernel: ctypes.CDLL, rights: int, writable: list[Path], readable: list[Path]) -> None:
    _done(kernel.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    handled = struct.pack("=Q", rights)
    rules = _done(kernel.syscall(_LANDLOCK_CREATE_RULESET, handled, ctypes.c_size_t(len(handled)), 0))
    try:
        for path in writable:
            _allow(kernel, rules, path, rights)
        for path in dict.fromkeys(readable):
            with suppress(FileNotFoundError, NotADirectoryError, PermissionError):  # it cannot be read in any case
                _allow(kernel, rules, path, _READ_FILE | (_READ_DIRECTORY if stat.S_ISDIR(path.stat().st_mode) else 0))
        _done(kernel.syscall(_LANDLOCK_RESTRICT_SELF, rules, 0))
    finally:
        os.close(rules)


def _allow(kernel: ctypes.CDLL, rules: int, path: Path, rights: int) -> None:
    beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = struct.pack("=Qi", rights, beneath)
        _done(kernel.syscall(_LANDLOCK_ADD_RULE, rules, _PATH_BENEATH, rule, 0))
    finally:
        os.close(beneath)


def _code() -> list[Path]:
    """Return where installed code lies: what the interpreter may still have to import or to load."""
    places = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    ours = [Path(__file__).parent, *map(Path, _package_paths("schema"))]
    engines = [Path(path).parent for path in _package_paths("chdb")]  # its libraries lie beside it
    return [
        Path(sys.executable).resolve(),
        *(Path(place) for place in (*places, sysconfig.get_config_var("LIBDIR"), *_LIBRARIES) if place),
        *ours,
        *engines,
        *_loaded(),
    ]


def _loaded() -> Iterable[Path]:
    """Give the libraries that this process runs on, wherever they lie: for a stack trace the engine reads them."""
    with Path("/proc/self/maps").open(encoding="utf-8", errors="surrogateescape") as maps:
        names = {line.rstrip("\n").split(maxsplit=5)[-1] for line in maps}
    return (Path(name) for name in sorted(names) if name.startswith("/"))


def _package_paths(*names: str) -> Iterable[str]:
    for name in names:
        spec = importlib.util.find_spec(name)
        yield from (spec.submodule_search_locations or ()) if spec else ()


def _refuse_calls(kernel: ctypes.CDLL, audit: int, seccomp: int, calls: tuple[int, ...]) -> None:
    """Install a filter under which `calls` end in EPERM, for every thread of the process."""
    # Each test jumps to the last instruction, which rejects; what passes them all comes to the one that allows.
    tests: list[tuple[int, int]] = [(_JUMP_FROM, _X32_CALLS), *((_JUMP_EQUAL, call) for call in calls)]
    program = [(_LOAD, 0, 0, 4), (_JUMP_EQUAL, 0, len(tests) + 2, audit), (_LOAD, 0, 0, 0)]
    program += [(code, len(tests) - index, 0, value) for index, (code, value) in enumerate(tests)]
    program += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _REFUSE)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *instruction) for instruction in program))
    wanted = struct.pack("@HP", len(program), ctypes.addressof(code))
    _done(kernel.syscall(seccomp, _SECCOMP_SET_MODE_FILTER, _SECCOMP_ALL_THREADS, wanted))


def _done(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return int(result)
