"""Rows of a made-up fleet, put straight into the tables that the dashboards read, with figures that a test can tell."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import xxhash
from clickhouse_connect.driver.client import Client

from schema.fleet_limits import DEFAULTS

METHODS = ("", "counter", "sensor", "percent", "model", "meter")


@dataclass(frozen=True)
class Group:
    """Chips of one model in one fleet, and how their watts are known."""

    site: str
    fleet: str
    platform: str
    model: str
    method: str

    @property
    def labels(self) -> tuple[str, ...]:
        return self.site, self.fleet, self.platform, self.model


GPU = Group("virginia", "frontier", "nvidia", "h100-sxm", "counter")
TPU = Group("iowa", "frontier", "tpu", "tpu-v7", "model")
TRN = Group("oregon", "research", "trainium", "trn2", "percent")


@dataclass(frozen=True)
class Window:
    """What one group did in one window: so many chips at so many watts each; `busy` and `tensor` are shares."""

    time: int
    group: Group
    chips: float = 100.0
    chip_w: float = 500.0
    error_w: float | None = None
    busy: float | None = None
    tensor: float | None = None
    idle_chips: float = 0.0
    idle_chip_w: float = 0.0
    every_s: float = 1.0
    resolution_s: int = 1


def windows(client: Client, rows: Iterable[Window]) -> None:
    """Store windows, all in one insert."""
    made = [_sums(row) for row in rows]
    client.insert("power_sums", [list(row.values()) for row in made], list(made[0]))


def _sums(row: Window) -> dict[str, object]:
    chip_s = row.chips * row.resolution_s
    error_s, busy_s, tensor_s = (0.0 if known is None else chip_s for known in (row.error_w, row.busy, row.tensor))
    return {
        "resolution_s": row.resolution_s, "time": row.time,
        "site": row.group.site, "fleet": row.group.fleet, "platform": row.group.platform, "model": row.group.model,
        "power_method": row.group.method,
        "energy_j": chip_s * row.chip_w, "chip_seconds": chip_s, "samples": round(chip_s / row.every_s),
        "utilization_seconds": busy_s * (row.busy or 0.0), "utilization_chip_seconds": busy_s,
        "tensor_seconds": tensor_s * (row.tensor or 0.0), "tensor_chip_seconds": tensor_s,
        "error_w_seconds": error_s * (row.error_w or 0.0), "error_w2_seconds": error_s * (row.error_w or 0.0) ** 2,
        "error_chip_seconds": error_s, "power_w2_seconds": chip_s * row.chip_w**2, "max_power_w": row.chip_w,
        "idle_j": row.idle_chips * row.idle_chip_w * row.resolution_s,
        "idle_chip_seconds": row.idle_chips * row.resolution_s,
    }  # fmt: skip


def inventory(client: Client, group: Group, chips: int, first: int, last: int) -> None:
    """Store that so many chips of a group were seen from one time to another, in epoch seconds."""
    labels = (group.site, group.fleet, group.platform, group.model)
    seen = [datetime.fromtimestamp(time_s, UTC) for time_s in (first, last)]
    numbers = (xxhash.xxh64_intdigest(f"{labels}{n}".encode()) for n in range(chips))
    client.insert(
        "chip_series",
        [[number, *labels, "host", f"chip-{n}", *seen] for n, number in enumerate(numbers)],
        ["series", "site", "fleet", "platform", "model", "host", "chip", "first_seen", "last_seen"],
    )


def budgets(
    client: Client, rows: Mapping[Group, tuple[float, int]], *, loaded_at: int = 1_700_000_000, **limits: float
) -> None:
    """Load a fleet file: of each group its budget in watts and its chips; `limits` are those of all of them."""
    client.insert(
        "budget_loads",
        [
            [loaded_at, group.site, group.fleet, group.platform, float(budget_w), chips, {**DEFAULTS, **limits}]
            for group, (budget_w, chips) in rows.items()
        ],
        ["loaded_at", "site", "fleet", "platform", "budget_w", "chips_expected", "limits"],
    )


@dataclass(frozen=True)
class Sample:
    """One raw sample; the chip's series is a hash of its name."""

    ts_ms: int
    group: Group
    chip: str
    job: str | None = None
    power_w: float = 500.0
    busy: float = 1.0
    interval_ms: int = 1000


def samples(client: Client, rows: Iterable[Sample]) -> None:
    """Store raw samples, each as a row of its own, in one insert."""
    made = [_batch(row) for row in rows]
    client.insert("sample_batches", [list(row.values()) for row in made], list(made[0]))


def _batch(row: Sample) -> dict[str, object]:
    return {
        "time": row.ts_ms // 1000, **dict(zip(("site", "fleet", "platform", "model"), row.group.labels, strict=True)),
        "host_key": 1, "rows": 1, "jobs": [row.job] if row.job else [], "job_index": [1 if row.job else 0],
        "kafka_partition": [0], "kafka_offset": [0],
        "ts_delta_ms": [row.ts_ms % 1000], "interval_ms": [row.interval_ms],
        "series": [xxhash.xxh64_intdigest(row.chip.encode())], "power_dw": [round(row.power_w * 10)],
        "power_method": [METHODS.index(row.group.method)], "power_error_dw": [2**32 - 1],
        "utilization_pm": [round(row.busy * 1000)], "tensor_pm": [2**16 - 1],
        "memory_used_mib": [2**32 - 1], "memory_total_mib": [2**32 - 1], "temperature_dc": [2**15 - 1],
        "throttle": [255],
    }  # fmt: skip
