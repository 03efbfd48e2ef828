"""What the processes of a stack cost: CPU time and memory, told apart by what they run."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import psutil

ROLES: Final = ("producer", "broker", "worker", "store")
_MARKS: Final = (
    ("producer", ("gigawatt", "produce")),
    ("producer", ("bench.connections",)),
    ("worker", ("gigawatt", "worker")),
    ("store", ("local.clickhouse",)),
    ("broker", ("kafka.Kafka",)),
)


@dataclass(frozen=True)
class Cost:
    """CPU seconds used so far and memory held now, of all processes of one role."""

    cpu_s: float
    memory_mb: float


def role_of(command: list[str]) -> str | None:
    """Tell what a process is by its command line; None for those that are no part of the measured path."""
    if any(part.endswith("/tansu") for part in command[:1]):
        return "broker"
    for role, marks in _MARKS:
        if all(any(_is(part, mark) for part in command) for mark in marks) and "child.py" not in " ".join(command):
            return role
    return None


def _is(part: str, mark: str) -> bool:
    return part == mark or part.endswith(f"/{mark}")


def costs(roots: list[int], *, others: str | None = None) -> dict[str, Cost]:
    """Return the cost of each role among these processes and all their descendants.

    With `others`, those that are no part of the measured path are a role of that name.
    """
    found: dict[str, Cost] = {role: Cost(0.0, 0.0) for role in (*ROLES, *([others] if others else []))}
    for process in family(roots):
        try:
            with process.oneshot():
                role = role_of(process.cmdline()) or others
                if role is None:
                    continue
                times, memory = process.cpu_times(), process.memory_info()
        except psutil.Error:
            continue
        before = found[role]
        found[role] = Cost(before.cpu_s + times.user + times.system, before.memory_mb + memory.rss / 1e6)
    return found


def busy_s() -> float:
    """Return the CPU seconds of everything on this machine so far."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0))


def of_role(roots: list[int], role: str) -> list[psutil.Process]:
    """Return the processes of one role among these and all their descendants."""
    found = []
    for process in family(roots):
        with suppress(psutil.Error):
            if role_of(process.cmdline()) == role:
                found.append(process)
    return found


def family(roots: list[int]) -> list[psutil.Process]:
    """Return these processes and all their descendants that are still there."""
    found: dict[int, psutil.Process] = {}
    for root in roots:
        try:
            process = psutil.Process(root)
            for member in (process, *process.children(recursive=True)):
                found[member.pid] = member
        except psutil.Error:
            continue
    return list(found.values())
