"""How quickly a stack catches up: the workers are stopped for some seconds, and what waited is stored."""

import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from clickhouse_connect.driver.client import Client

from bench.interval import between, look
from bench.load import Load
from bench.measure import under_load
from bench.processes import ROLES, of_role
from bench.stack import Stack
from schema.errors import GigawattError
from schema.kafka import KafkaAdmin
from schema.topics import SAMPLES

_LOOKS_EVERY_S: Final = 0.25
_USUAL_S: Final = 10.0
_WAITS_FOR_S: Final = 2.0
"""Of a live fleet, the messages of so many seconds are always on their way."""
_SLOWEST: Final = 20.0
_PATIENCE_S: Final = 120.0


@dataclass(frozen=True)
class BacklogResult:
    """How a backlog was stored: costs are CPU-microseconds per sample, of the usual run and of the catching up.

    The fleet goes on meanwhile, so `samples_per_second` is of what waited and of what came.
    """

    chips: int
    batch: int
    workers: int
    stopped_s: float
    waiting_messages: int
    caught_up_s: float
    samples_per_second: float
    cpu_us_per_sample: dict[str, float]
    usual_cpu_us_per_sample: dict[str, float]
    memory_mb: dict[str, float]

    def as_json(self) -> dict[str, Any]:
        """Return the figures by name."""
        return asdict(self)


def measure_backlog(load: Load, stopped_s: float, said: Callable[[str], None] = lambda _: None) -> BacklogResult:
    """Run a stack and a fleet, stop the workers for so long, and measure until nothing waits any more.

    Raises `GigawattError` when that takes 20 times as long: this machine is too slow for the load.
    """
    with under_load(load, said) as (running, client), KafkaAdmin(running.kafka) as admin:
        before = look(running, client)
        time.sleep(min(_USUAL_S, load.seconds))
        usual = between(before, look(running, client))
        said(f"{load.title}: the workers are paused for {stopped_s:.0f} s")
        _signal(running, signal.SIGSTOP)
        try:
            time.sleep(stopped_s)
            waiting = _waiting(admin, client)
            before = look(running, client)
        finally:
            _signal(running, signal.SIGCONT)
        said(f"{waiting:,} messages wait: catching up")
        few = max(1, round(usual.messages / usual.seconds * _WAITS_FOR_S))
        deadline = before.at_s + _SLOWEST * stopped_s + _PATIENCE_S
        while (left := _waiting(admin, client)) > few:
            if time.monotonic() > deadline:
                raise GigawattError(f"{left:,} messages still wait: this machine is too slow; use fewer --chips")
            time.sleep(_LOOKS_EVERY_S)
        done = between(before, look(running, client))
    return BacklogResult(
        chips=load.chips,
        batch=load.batch,
        workers=load.workers,
        stopped_s=stopped_s,
        waiting_messages=waiting,
        caught_up_s=round(done.seconds, 2),
        samples_per_second=done.samples / done.seconds,
        cpu_us_per_sample=done.cpu_us_per_sample,
        usual_cpu_us_per_sample=usual.cpu_us_per_sample,
        memory_mb=done.memory_mb,
    )


def _signal(running: Stack, number: signal.Signals) -> None:
    for worker in of_role(running.pids, "worker"):
        worker.send_signal(number)


def _waiting(admin: KafkaAdmin, client: Client) -> int:
    """Return how many messages of the topic are not stored yet."""
    rows = client.query("SELECT kafka_partition, max(offset_to) + 1 FROM ingest_blocks GROUP BY 1").result_rows
    stored = {int(partition): int(after) for partition, after in rows}
    ends = admin.log_ends(SAMPLES)
    return sum(max(0, end - stored.get(partition, 0)) for partition, (_, end) in ends.items())


def backlog_table(result: BacklogResult) -> Sequence[Sequence[str]]:
    """Return the figures as rows of text."""
    costs = [
        [
            f"CPU us/sample, {role}: usual, catching up",
            f"{result.usual_cpu_us_per_sample[role]:,.2f}, {result.cpu_us_per_sample[role]:,.2f}",
        ]
        for role in (*ROLES, "total")
    ]
    return [
        ["chips", f"{result.chips:,}"],
        ["samples per message", f"{result.batch:,}"],
        ["workers paused, s", f"{result.stopped_s:,.0f}"],
        ["messages waiting", f"{result.waiting_messages:,}"],
        ["caught up after, s", f"{result.caught_up_s:,.1f}"],
        ["samples/s while catching up", f"{result.samples_per_second:,.0f}"],
        *costs,
        *([f"memory {role}, MB", f"{result.memory_mb[role]:,.0f}"] for role in ROLES),
    ]
