"""Whether it stays as cheap as it was: minute after minute of the same load, and the audit at the end."""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from bench.interval import Interval, between, look
from bench.load import Load
from bench.measure import under_load
from bench.processes import ROLES
from bench.stack import Stack, environment

FLAT: Final = 0.10
"""Cost and memory of the last third of the minutes may differ from those of the first by this share."""
FEWEST: Final = 3

_SETTLES_S: Final = 10.0
_AUDITS_WITHIN_S: Final = 3_600.0


@dataclass(frozen=True)
class SoakResult:
    """What each minute cost, in CPU-microseconds a sample, the memory held at its end, and the audit's word."""

    load: Load
    minutes: Sequence[Interval]
    audit: Sequence[str]
    audit_holds: bool

    @property
    def broken(self) -> list[str]:
        """What did not hold."""
        totals = [minute.cpu_us_per_sample["total"] for minute in self.minutes]
        said = [] if abs(change := _change(totals)) <= FLAT else [f"cost changed by {change:+.0%}"]
        grown = {role: _change([minute.memory_mb[role] for minute in self.minutes]) for role in ROLES}
        said += [f"memory of {role} grew by {change:.0%}" for role, change in grown.items() if change > FLAT]
        return said + ([] if self.audit_holds else ["the audit failed"])

    def as_json(self) -> dict[str, Any]:
        """Return the figures by name."""
        return asdict(self) | {"broken": self.broken}


def _change(values: Sequence[float]) -> float:
    """Return by which share the middle of the last third differs from that of the first."""
    third = max(1, len(values) // FEWEST)
    first, last = statistics.median(values[:third]), statistics.median(values[-third:])
    return last / first - 1 if first else 0.0


def soak(
    load: Load, minutes: int, said: Callable[[str], None] = lambda _: None, *, minute_s: float = 60.0
) -> SoakResult:
    """Run a stack and a fleet of their own for so many minutes of `minute_s` each, and audit what was stored."""
    with under_load(load, said) as (running, client):
        intervals, before = [], look(running, client)
        for number in range(minutes):
            time.sleep(max(0.0, before.at_s + minute_s - time.monotonic()))
            after = look(running, client)
            intervals.append(between(before, after))
            before, done = after, intervals[-1]
            said(
                f"minute {number + 1} of {minutes}: {done.cpu_us_per_sample['total']:.2f} CPU us a sample, "
                f"{done.samples / done.seconds:,.0f} samples/s, {sum(done.memory_mb.values()):,.0f} MB"
            )
        running.stop_producers()
        time.sleep(_SETTLES_S)
        said("auditing the stored samples")
        audited = _audit(running)
        return SoakResult(load, intervals, audited.stdout.splitlines(), audited.returncode == 0)


def _audit(running: Stack) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "gigawatt", "audit", "--kafka", running.kafka, "--clickhouse", running.clickhouse]
    return subprocess.run(  # noqa: S603  our own
        command, env=environment(), stdout=subprocess.PIPE, text=True, timeout=_AUDITS_WITHIN_S, check=False
    )


def soak_table(result: SoakResult) -> list[list[str]]:
    """Return the figures as rows of text, a row a minute."""
    roles = [role for role in ROLES if role != "producer"]
    head = ["minute", "samples/s", *(f"{role}, us/sample" for role in (*roles, "total"))]
    rows = [[*head, *(f"{role}, MB" for role in roles)]]
    for number, minute in enumerate(result.minutes, 1):
        cost = [f"{minute.cpu_us_per_sample[role]:,.2f}" for role in (*roles, "total")]
        memory = [f"{minute.memory_mb[role]:,.0f}" for role in roles]
        rows.append([f"{number}", f"{minute.samples / minute.seconds:,.0f}", *cost, *memory])
    return rows
