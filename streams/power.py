"""Accepted samples to rows of `power_sums`, at every resolution."""

from typing import Final

import numpy as np
import pyarrow as pa

from streams.accepted import METHODS, Accepted
from streams.rectangles import rectangles
from streams.seconds import Seconds, coarser, seconds

RESOLUTIONS_S: Final = (1, 60, 3600)

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
    """Return one row per second, minute and hour, group and power method that the samples touch."""
    group = accepted.group * len(METHODS) + accepted.method
    by_second = seconds(rectangles(accepted.samples, group, accepted.late))
    return pa.concat_tables([_table(accepted, coarser(by_second, length_s), length_s) for length_s in RESOLUTIONS_S])


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
