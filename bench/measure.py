"""One measurement: a stack of its own, a simulated fleet, and what a sample costs on its way."""

import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from clickhouse_connect.driver.client import Client

from bench.processes import ROLES, costs
from bench.stack import stack, stored_samples, wait_for_samples
from schema.clickhouse import connect
from schema.errors import GigawattError

_PATH: Final = ("broker", "worker", "store")
"""Whose cost makes the total: what a sample passes after its producer."""


@dataclass(frozen=True)
class Load:
    """What is measured: so many chips, each every second, in batches of so many samples."""

    chips: int
    batch: int
    seconds: float
    warm_up_s: float = 12.0
    workers: int = 1


@dataclass(frozen=True)
class Result:
    """What was measured; costs are CPU-microseconds per stored sample."""

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

    def as_json(self) -> dict[str, Any]:
        """Return the figures under the contract's names."""
        return asdict(self)


def measure(load: Load, said: Callable[[str], None] = lambda _: None) -> Result:
    """Run a stack and a fleet of their own and measure for `load.seconds` after the warm-up."""
    with stack(load.workers, said) as running:
        client = connect(running.clickhouse)
        running.produce("simulated", "--chips", str(load.chips), "--batch", str(load.batch), "--cadence", "1")
        wait_for_samples(client)
        said(f"{load.chips:,} chips: warming up for {load.warm_up_s:.0f} s")
        time.sleep(load.warm_up_s)
        before, began, already = costs(running.pids), time.monotonic(), stored_samples(client)
        said(f"{load.chips:,} chips: measuring for {load.seconds:.0f} s")
        since = time.time()
        time.sleep(load.seconds)
        after, took_s, by_then = costs(running.pids), time.monotonic() - began, stored_samples(client)
        samples = by_then - already
        if not samples:
            raise GigawattError("no sample was stored while measuring; run `gigawatt up` to see why")
        cpu_s = {role: after[role].cpu_s - before[role].cpu_s for role in ROLES}
        per_sample = {role: cpu_s[role] / samples * 1e6 for role in ROLES}
        per_sample["total"] = sum(per_sample[role] for role in _PATH)
        return Result(
            chips=load.chips,
            batch=load.batch,
            seconds=round(took_s, 3),
            samples_per_second=samples / took_s,
            behind_samples=max(0, round(load.chips * took_s) - samples),
            cpu_us_per_sample=per_sample,
            freshness_s=_freshness(client, since),
            bytes_per_sample={**_wire_bytes(running.folder, by_then), **_disk_bytes(client)},
            memory_mb={role: cost.memory_mb for role, cost in after.items()},
            cores={role: used / took_s for role, used in cpu_s.items()},
        )


def _row(client: Client, sql: str, **parameters: Any) -> Sequence[Any]:
    return list(client.query(sql, parameters=parameters or None).result_rows[0])


def _freshness(client: Client, since: float) -> dict[str, float]:
    """Return seconds from a sample's end to its block being stored and so visible, weighted by samples."""
    (quantiles,) = _row(
        client,
        "SELECT quantilesExactWeighted(0.5, 0.99)(toFloat64(stored_at) - toFloat64(newest_ts), samples) AS q"
        " FROM ingest_blocks WHERE stored_at >= {since:Float64} AND samples > 0",
        since=since,
    )
    p50, p99 = quantiles
    return {"p50": float(p50), "p99": float(p99)}


def _wire_bytes(folder: Path, samples: int) -> dict[str, float]:
    """Return the size of the log's segments per sample: messages as the producer compressed them."""
    kept = 0
    for path, _, files in os.walk(folder / "state"):  # which passes over what goes away meanwhile
        if Path(path).name.startswith("chip.samples-"):
            for name in files:
                with suppress(FileNotFoundError):
                    kept += (Path(path) / name).stat().st_size if name.endswith(".log") else 0
    return {"wire": kept / samples} if kept else {}


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
    rows = [["chips", *(f"{result.chips:,}" for result in results)]]
    rows.append(["samples per message", *(f"{result.batch:,}" for result in results)])
    rows.append(["samples/s stored", *(f"{result.samples_per_second:,.0f}" for result in results)])
    figures = [
        *((f"CPU us/sample, {role}", f"cpu_us_per_sample.{role}", 3) for role in (*ROLES, "total")),
        *((f"freshness {name}, s", f"freshness_s.{name}", 2) for name in ("p50", "p99")),
        *((f"bytes/sample, {name}", f"bytes_per_sample.{name}", 2) for name in ("wire", "disk")),
        *((f"memory {role}, MB", f"memory_mb.{role}", 0) for role in ROLES),
    ]
    for name, path, digits in figures:
        group, _, key = path.partition(".")
        values = [getattr(result, group).get(key) for result in results]
        rows.append([name, *("-" if value is None else f"{value:,.{digits}f}" for value in values)])
    return rows
