"""Accepted samples to rows of `power_by_second`."""

from typing import Final

import numpy as np
import pyarrow as pa

from streams.accepted import METHODS, Accepted
from streams.rectangles import rectangles
from streams.seconds import seconds

LATE_AFTER_MS: Final = 30_000
"""A sample is late when the broker appended it more than this after its end."""

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
)


def rows(accepted: Accepted) -> pa.Table:
    """Return one row per second, group and power method that the samples touch."""
    late = accepted.samples.ts_ms < accepted.appended_ms - LATE_AFTER_MS
    cells = seconds(rectangles(accepted.samples, accepted.group * len(METHODS) + accepted.method, late))
    group, method = np.divmod(cells.group, len(METHODS))
    histogram = pa.MapArray.from_arrays(
        pa.array(cells.bin_offsets.astype(np.int32)),
        pa.array(cells.bin_number.astype(np.uint16)),
        pa.array(cells.bin_chip_seconds),
    )
    names = pa.array(METHODS, pa.utf8())
    return pa.table(
        {
            "time": pa.array(cells.second).cast(pa.timestamp("s", "UTC")),
            **accepted.group_columns(group),
            "power_method": pa.DictionaryArray.from_arrays(pa.array(method.astype(np.int32)), names),
            **{name: pa.array(getattr(cells, name)) for name in _SUMS},
            "power_histogram": histogram,
            "samples": pa.array(cells.samples.astype(np.uint64)),
            "late_samples": pa.array(cells.late_samples.astype(np.uint64)),
        }
    )
