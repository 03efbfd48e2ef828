"""Accepted samples to rows of `power_sums`, at every resolution."""

import itertools
from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np
import pyarrow as pa

from streams.accepted import METHODS, Accepted
from streams.rectangles import rectangles
from streams.seconds import Seconds, coarser, seconds, seconds_touched

RESOLUTIONS_S: Final = (1, 60, 3600)
TABLE_PIECES: Final = 2**18
"""About how many seconds of rectangles, and of their bins, one table is made of: at most some hundred megabytes."""

_SUMS: Final = (
    "energy_j",
    "chip_seconds",
    "utilization_seconds",
    "utilization_chip_seconds",
    "tensor_seconds",
    "tensor_chip_seconds",
    "error_w_seconds",
    "error_w2_seconds",
    "error_chip_seconds",
    "power_w2_seconds",
    "max_power_w",
    "idle_j",
    "idle_chip_seconds",
    "throttle_chip_seconds",
    "power_capped_chip_seconds",
    "thermal_chip_seconds",
    "hardware_throttled_chip_seconds",
)


class PowerRows:
    """Rows of `power_sums` in tables of bounded size: one per second, minute and hour, group and power method.

    What does not fit into one table stands in several, whose sums add up. They are made as they are asked for, the
    same ones each time, so that an hour in seconds for many fleets need not be in memory as a whole.
    """

    def __init__(self, accepted: Accepted, pieces: int = TABLE_PIECES) -> None:
        group = accepted.group * len(METHODS) + accepted.method
        self._accepted = accepted
        self._rectangles = rectangles(accepted.samples, group, accepted.late)
        touched = seconds_touched(self._rectangles.ts_ms, self._rectangles.interval_ms)
        number = np.cumsum(touched * (1 + self._rectangles.bins)) // pieces
        self._edges = [0, *(np.flatnonzero(np.diff(number)) + 1).tolist(), len(number)]

    def __len__(self) -> int:
        return len(self._edges) - 1

    def __iter__(self) -> Iterator[pa.Table]:
        """Make one table after the other."""
        for first, last in itertools.pairwise(self._edges):
            by_second = seconds(self._rectangles.part(first, last))
            yield pa.concat_tables(
                [_table(self._accepted, coarser(by_second, length_s), length_s) for length_s in RESOLUTIONS_S]
            )


def rows(accepted: Accepted) -> Iterable[pa.Table]:
    """Return the rows of `power_sums`; what fits into one table, as nearly everything does, is made at once."""
    made = PowerRows(accepted)
    return list(made) if len(made) == 1 else made


def _table(accepted: Accepted, cells: Seconds, resolution_s: int) -> pa.Table:
    group, method = np.divmod(cells.group, len(METHODS))
    histogram = pa.MapArray.from_arrays(
        pa.array(cells.bin_offsets.astype(np.int32)),
        pa.array(cells.bin_number.astype(np.uint16)),
        pa.array(cells.bin_chip_seconds),
    )
    names = pa.array(METHODS, pa.utf8())
    return pa.table(
        {
            "resolution_s": pa.array(np.full(len(cells), resolution_s, np.uint16)),
            "time": pa.array(cells.second).cast(pa.timestamp("s", "UTC")),
            **accepted.group_columns(group),
            "power_method": pa.DictionaryArray.from_arrays(pa.array(method.astype(np.int32)), names),
            **{name: pa.array(getattr(cells, name)) for name in _SUMS},
            "power_histogram": histogram,
            "samples": pa.array(cells.samples.astype(np.uint64)),
            "late_samples": pa.array(cells.late_samples.astype(np.uint64)),
        }
    )
