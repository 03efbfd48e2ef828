"""What a stack stored between two looks at it, and what that cost."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from clickhouse_connect.driver.client import Client

from bench.processes import ROLES, Cost, busy_s, costs
from bench.stack import Stack
from schema.errors import GigawattError

PATH: Final = ("broker", "worker", "store")
"""Whose cost makes the total: what a sample passes after its producer."""
_UP: Final = "up"
"""The role of `gigawatt up` itself."""


@dataclass(frozen=True)
class Look:
    """One look: when, by the monotonic clock; what the ledger has by then, and what each role has used."""

    at_s: float
    samples: int
    messages: int
    costs: Mapping[str, Cost]
    busy_s: float


@dataclass(frozen=True)
class Interval:
    """What happened between two looks. CPU time is in microseconds per stored sample, or as a number of cores.

    `total` in `cpu_us_per_sample` is of broker, worker and store. `other_cores` is what else this machine did: where
    that is much, all costs are larger.
    """

    seconds: float
    samples: int
    messages: int
    cpu_us_per_sample: dict[str, float]
    cores: dict[str, float]
    memory_mb: dict[str, float]
    other_cores: float = 0.0


def look(running: Stack, client: Client) -> Look:
    """Look at a stack."""
    found, busy = costs(running.pids, others=_UP), busy_s()
    at_s = time.monotonic()
    ((samples, messages),) = client.query("SELECT sum(samples), sum(messages) FROM ingest_blocks").result_rows
    return Look(at_s, int(samples), int(messages), found, busy)


def between(before: Look, after: Look) -> Interval:
    """Return what happened between two looks. Raises `GigawattError` when nothing was stored."""
    seconds, samples = after.at_s - before.at_s, after.samples - before.samples
    if not samples:
        raise GigawattError("no sample was stored during the measurement; run `gigawatt up` to see why")
    cpu_s = {role: after.costs[role].cpu_s - before.costs[role].cpu_s for role in ROLES}
    ours_s = sum(after.costs[role].cpu_s - before.costs[role].cpu_s for role in after.costs)
    per_sample = {role: used / samples * 1e6 for role, used in cpu_s.items()}
    return Interval(
        seconds=seconds,
        samples=samples,
        messages=after.messages - before.messages,
        cpu_us_per_sample={**per_sample, "total": sum(per_sample[role] for role in PATH)},
        cores={role: used / seconds for role, used in cpu_s.items()},
        memory_mb={role: after.costs[role].memory_mb for role in ROLES},
        other_cores=max(0.0, (after.busy_s - before.busy_s - ours_s) / seconds),
    )
