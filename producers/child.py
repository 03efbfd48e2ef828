"""Become a command that dies with its parent: `python child.py PARENT_PID COMMAND [ARGUMENT...]`.

Run as a script between fork and exec, so that a supervisor with threads need not run Python in a forked copy
of itself. The kernel keeps the wish over exec. Only Linux knows it: elsewhere the command outlives a parent
that is killed with SIGKILL.
"""

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1  # prctl(2)


def dying_with_us(argv: Sequence[str]) -> tuple[str, ...]:
    """Give the command that runs `argv` as a child which dies with this process (on Linux)."""
    return (sys.executable, "-I", "-S", __file__, str(os.getpid()), *argv)


def signal_group(leader: int, number: signal.Signals) -> None:
    """Signal a child that leads a group of its own, and whatever it started, by its process id."""
    # Gone already; or another user's, by way of sudo: it ends when it prints into the closed pipe.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)


def main(parent_pid: int, command: list[str]) -> None:
    """Ask for SIGKILL at the parent's death, then become `command`."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:  # it died before the kernel had been asked
        sys.exit(f"{command[0]} is not started: the process that wanted it is gone")
    try:
        os.execvp(command[0], command)  # noqa: S606 - the whole purpose of this script
    except OSError as error:
        sys.exit(f"cannot run {command[0]}: {error.strerror}")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
