"""Rows of recorded GPUs to batches of samples: over what time each of them tells."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import numpy as np
import pyarrow as pa

from producers.batches import build, fit_label
from producers.nvidia import POWER_ERROR_W
from producers.nvidia_smi import Row, Told
from schema.limits import MAX_INTERVAL_MS

LONE_MS: Final = 1_000
"""What a lone row stands for: power.draw is the mean of the last second."""
_BREAK: Final = 3
"""A distance of more than so many of its neighbours' is a break in the recording: nothing is known of that time."""


class Recorded:
    """Rows in the order of a recording to batches of samples, each over the time since the same GPU's row before.

    A break in the recording counts as the GPU's next distance instead, and nothing as more than an hour.
    """

    def __init__(self, told: Told) -> None:
        self._told = told
        self._newest_ms: dict[tuple[str, str], int] = {}
        self._usual_ms: dict[tuple[str, str], int] = {}
        self.copies = 0
        """Rows of a GPU and time that were there just before: they are left out."""

    def batch(self, rows: Sequence[Row]) -> pa.RecordBatch:
        """Return the samples of the next rows."""
        apart_ms = list(self._apart_ms(rows))
        kept = []
        for row, apart, following in zip(rows, apart_ms, _following(rows, apart_ms), strict=True):
            if apart == 0:
                self.copies += 1
                continue
            interval_ms = _interval_ms(apart, self._usual_ms.get(row.of), following)
            self._usual_ms[row.of] = interval_ms
            kept.append((row, interval_ms))
        return _batch(kept, self._told)

    def _apart_ms(self, rows: Iterable[Row]) -> Iterator[int | None]:
        for row in rows:
            before_ms = self._newest_ms.get(row.of)
            self._newest_ms[row.of] = row.ts_ms
            yield None if before_ms is None else row.ts_ms - before_ms


def _following(rows: Sequence[Row], apart_ms: Sequence[int | None]) -> list[int | None]:
    """Return for each row how far the next one of its GPU is; None where that is not known."""
    after: dict[tuple[str, str], int] = {}
    found = []
    for row, apart in zip(reversed(rows), reversed(apart_ms), strict=True):
        found.append(after.get(row.of))
        if apart is not None and apart > 0:
            after[row.of] = apart
    return found[::-1]


def _interval_ms(apart: int | None, usual: int | None, following: int | None) -> int:
    """Return what a row stands for: `apart` from the one before, unless both its neighbours are much closer."""
    near = [ms for ms in (following, usual) if ms is not None]
    if apart is None or apart < 0 or (near and apart > _BREAK * max(near)):
        apart = near[0] if near else LONE_MS
    return min(apart, MAX_INTERVAL_MS)


def _batch(kept: Sequence[tuple[Row, int]], told: Told) -> pa.RecordBatch:
    powers = [row.reading.sensor_w for row, _ in kept]
    measures = ("utilization", "memory_used_bytes", "memory_total_bytes", "temperature_c", "throttle")
    return build(
        len(kept),
        {
            "ts": np.array([row.ts_ms for row, _ in kept], np.int64),
            "interval_ms": [interval_ms for _, interval_ms in kept],
            "site": told.site,
            "fleet": told.fleet,
            "platform": "nvidia",
            "host": [fit_label(row.host) for row, _ in kept],
            "model": [fit_label(row.model) for row, _ in kept],
            "chip": [fit_label(row.chip) for row, _ in kept],
            "power_w": powers,
            "power_method": [None if power is None else "sensor" for power in powers],
            "power_error_w": [None if power is None else POWER_ERROR_W for power in powers],
            **{name: [getattr(row.reading, name) for row, _ in kept] for name in measures},
        },
    )
