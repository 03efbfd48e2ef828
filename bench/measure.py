"""One measurement: a stack of its own, a simulated fleet, and what a sample costs on its way."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from clickhouse_connect.driver.client import Client

from bench.interval import between, look
from bench.load import Load
from bench.processes import ROLES
from bench.stack import Stack, stack, wait_for_samples
from schema.clickhouse import connect
from schema.kafka import KafkaAdmin
from schema.topics import SAMPLES

_NAMES: Final = {"workers": "workers", "producers": "connections", "publish_every_s": "seconds a message"}
BEHIND: Final = 0.05
"""A run keeps up when no larger share of what came waits at its end, or is of hosts that are silent."""


@dataclass(frozen=True)
class Result:
    """What was measured; costs are CPU-microseconds per stored sample, `cores` the same as a number of cores.

    `batch` is what was asked for, `samples_per_message` what came: the last message of a pool is smaller. `other_cores`
    is what else the machine did meanwhile: where that is much, all costs are larger.
    """

    chips: int
    batch: int
    seconds: float
    samples_per_second: float
    behind_samples: int
    cpu_us_per_sample: dict[str, float]
    freshness_s: dict[str, float]
    bytes_per_sample: dict[str, float]
    memory_mb: dict[str, float]
    cores: dict[str, float] = field(default_factory=dict)
    workers: int = 1
    producers: int = 1
    publish_every_s: int = 1
    messages_per_second: float = 0.0
    other_cores: float = 0.0

    @property
    def keeps_up(self) -> bool:
        """Whether nearly all that came was stored: what a stack that falls behind costs is not what it has to do."""
        return self.behind_samples <= BEHIND * self.chips * self.seconds

    @property
    def samples_per_message(self) -> float:
        """How many samples a message had, on average."""
        return self.samples_per_second / self.messages_per_second if self.messages_per_second else float(self.batch)

    def as_json(self) -> dict[str, Any]:
        """Return the figures under the contract's names."""
        return asdict(self) | {"samples_per_message": self.samples_per_message}

    @classmethod
    def from_json(cls, figures: Mapping[str, Any]) -> "Result":
        """Read back what `as_json` gave. Raises `TypeError` for what lacks a figure."""
        return cls(**{one.name: figures[one.name] for one in fields(cls) if one.name in figures})


def measure(load: Load, said: Callable[[str], None] = lambda _: None) -> Result:
    """Run a stack and a fleet of their own and measure for `load.seconds` after the warm-up."""
    with under_load(load, said) as (running, client):
        before, since = look(running, client), time.time()
        said(f"{load.title}: measuring for {load.seconds:.0f} s")
        time.sleep(load.seconds)
        done = between(before, look(running, client))
        return Result(
            chips=load.chips,
            batch=load.batch,
            seconds=round(done.seconds, 3),
            samples_per_second=done.samples / done.seconds,
            behind_samples=max(0, round(load.chips * done.seconds) - done.samples),
            cpu_us_per_sample=done.cpu_us_per_sample,
            freshness_s=_freshness(client, since),
            bytes_per_sample={**_wire_bytes(running, done.samples / done.messages), **_disk_bytes(client)},
            memory_mb=done.memory_mb,
            cores=done.cores,
            workers=load.workers,
            producers=load.producers,
            publish_every_s=load.publish_every_s,
            messages_per_second=done.messages / done.seconds,
            other_cores=done.other_cores,
        )


@contextmanager
def under_load(load: Load, said: Callable[[str], None]) -> Iterator[tuple[Stack, Client]]:
    """Run a stack that this load has warmed up, with a client of its store, until the end of the block."""
    with stack(load.workers, said) as running, connect(running.clickhouse) as client:
        load.start(running)
        wait_for_samples(client)
        said(f"{load.title}: warming up for {load.warm_up_s:.0f} s")
        time.sleep(load.warm_up_s)
        yield running, client


def _row(client: Client, sql: str, **parameters: Any) -> Sequence[Any]:
    return list(client.query(sql, parameters=parameters or None).result_rows[0])


def _freshness(client: Client, since: float) -> dict[str, float]:
    """Return seconds from a sample's end to its block being stored and so visible, weighted by samples.

    A block has what came in up to two seconds: its oldest message counts, or its newest sample where that is older.
    """
    (quantiles,) = _row(
        client,
        "SELECT quantilesExactWeighted(0.5, 0.99)"
        "(toFloat64(stored_at) - least(toFloat64(newest_ts), toFloat64(appended_from)), samples) AS q"
        " FROM ingest_blocks WHERE stored_at >= {since:Float64} AND samples > 0",
        since=since,
    )
    p50, p99 = quantiles
    return {"p50": float(p50), "p99": float(p99)}


def _wire_bytes(running: Stack, samples_per_message: float) -> dict[str, float]:
    """Return the size of the topic's segments per sample: messages as the producer compressed them.

    By the messages that it has, not by those that are stored: of a stack that falls behind these are fewer.
    """
    with KafkaAdmin(running.kafka) as admin:
        messages = sum(end - first for first, end in admin.log_ends(SAMPLES).values())
    kept = 0
    for path, _, files in os.walk(running.folder / "state"):  # which passes over what goes away meanwhile
        if Path(path).name.startswith("chip.samples-"):
            for name in files:
                with suppress(FileNotFoundError):
                    kept += (Path(path) / name).stat().st_size if name.endswith(".log") else 0
    return {"wire": kept / messages / samples_per_message} if kept and messages else {}


def _disk_bytes(client: Client) -> dict[str, float]:
    raw, rows, total = _row(
        client,
        "SELECT sumIf(bytes_on_disk, table = 'sample_batches'),"
        " (SELECT sum(rows) FROM sample_batches), sum(bytes_on_disk)"
        " FROM system.parts WHERE active AND database = 'gigawatt'",
    )
    return {"disk": raw / rows, "disk_all_tables": total / rows}


def table(results: Sequence[Result]) -> list[list[str]]:
    """Return the figures as rows of text, a column per result and a row per figure."""
    rows = [
        ["chips", *(f"{result.chips:,}" for result in results)],
        ["samples per message", *(f"{result.samples_per_message:,.1f}" for result in results)],
        ["messages/s stored", *(f"{result.messages_per_second:,.0f}" for result in results)],
        ["samples/s stored", *(f"{result.samples_per_second:,.0f}" for result in results)],
        ["keeps up", *("yes" if result.keeps_up else f"{result.behind_samples:,} behind" for result in results)],
    ]
    for name in ("workers", "producers", "publish_every_s"):
        values = [getattr(result, name) for result in results]
        if any(value != 1 for value in values):
            rows.append([_NAMES[name], *(f"{value:,}" for value in values)])
    figures = [
        *((f"CPU us/sample, {role}", f"cpu_us_per_sample.{role}", 3) for role in (*ROLES, "total")),
        *((f"freshness {name}, s", f"freshness_s.{name}", 2) for name in ("p50", "p99")),
        *((f"bytes/sample, {name}", f"bytes_per_sample.{name}", 2) for name in ("wire", "disk")),
        ("other work, cores", "other_cores", 2),
        *((f"memory {role}, MB", f"memory_mb.{role}", 0) for role in ROLES),
    ]
    for name, path, digits in figures:
        group, _, key = path.partition(".")
        values = [getattr(result, group).get(key) if key else getattr(result, group) for result in results]
        rows.append([name, *("-" if value is None else f"{value:,.{digits}f}" for value in values)])
    return rows
