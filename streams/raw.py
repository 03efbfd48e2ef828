"""Raw samples as rows of `sample_batches`: some thousand samples a row, as arrays of integers.

Integers are at the sensor's resolution: tenths of a watt and of a degree, per mille, MiB. An array of one element
stands for as many equal values, which is what most columns of a batch are.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schema.samples import Bools, Ints, Label, Numbers, Rows
from streams.accepted import Accepted

ROW_SAMPLES: Final = 4096
"""About how many samples a row holds; batches that are larger stay one row."""
ROW_SPAN_MS: Final = 10_000
"""Samples of a row end within the same ten seconds. A row stands under its earliest sample, by which it is found and
expires: one that is late must not take the others with it."""

_DENSE: Final = 4_000_000

# field: column, integer type, units of it in one of the field's
_SCALED: Final[Mapping[str, tuple[str, type[np.integer], float]]] = {
    "power_w": ("power_dw", np.uint32, 10.0),
    "power_error_w": ("power_error_dw", np.uint32, 10.0),
    "utilization": ("utilization_pm", np.uint16, 1000.0),
    "tensor_utilization": ("tensor_pm", np.uint16, 1000.0),
    "memory_used_bytes": ("memory_used_mib", np.uint32, 2.0**-20),
    "memory_total_bytes": ("memory_total_mib", np.uint32, 2.0**-20),
    "temperature_c": ("temperature_dc", np.int16, 10.0),
    "throttle": ("throttle", np.uint8, 1.0),
}


def rows(accepted: Accepted) -> pa.Table:
    """Return rows of `sample_batches`, each of one group, with neighbouring hosts side by side."""
    ordered, starts = _in_rows(accepted)
    samples = ordered.samples
    counts = np.diff(np.append(starts, len(samples)))
    time_s = np.minimum.reduceat(samples.ts_ms, starts) // 1000
    jobs, job_index = _jobs(samples.labels["job"], starts, counts)
    columns = {
        "time": pa.array(time_s, pa.int64()).cast(pa.timestamp("s", "UTC")),
        **ordered.group_columns(ordered.group[starts]),
        "host_key": pa.array(np.minimum.reduceat(ordered.host_key, starts)),
        "host_key_last": pa.array(np.maximum.reduceat(ordered.host_key, starts)),
        "rows": pa.array(counts.astype(np.uint32)),
        "jobs": jobs,
        "kafka_partition": _lists(ordered.partition.astype(np.uint16), starts),
        "kafka_offset": _lists(ordered.offset.astype(np.uint64), starts),
        "ts_delta_ms": _lists((samples.ts_ms - np.repeat(time_s * 1000, counts)).astype(np.int32), starts),
        "interval_ms": _lists(samples.interval_ms.astype(np.uint32), starts),
        "series": _lists(ordered.series, starts),
        "job_index": _lists(job_index, starts),
        "power_method": _lists(ordered.method, starts),
    }
    for name, (column, kind, scale) in _SCALED.items():
        columns[column] = _lists(_integers(samples.measures[name], samples.given[name], kind, scale), starts)
    return pa.table(columns)


def _in_rows(accepted: Accepted) -> tuple[Accepted, Rows]:
    """Order samples by group, partition, host and offset, and return where each row begins.

    The same hosts then come in the same order every second, which the store finds to be repeated, and offsets beside
    each other are near each other.

    What is ordered are segments, stretches of one message, group and ten seconds. Those of one group and ten seconds
    that come to lie side by side share a row until it is full.
    """
    span = accepted.samples.ts_ms // ROW_SPAN_MS
    new = np.ones(len(accepted), bool)
    new[1:] = (accepted.group[1:] != accepted.group[:-1]) | (accepted.message[1:] != accepted.message[:-1])
    new[1:] |= span[1:] != span[:-1]
    begins = np.flatnonzero(new)
    sizes = np.diff(np.append(begins, len(accepted)))
    # The engine sorts rows anyway. Order matters only where small segments are to share rows with their neighbours, and
    # putting everything in order for a few of them would cost more than the rows they save.
    if sizes[sizes * 2 <= ROW_SAMPLES].sum() * 4 > len(accepted):
        order = np.lexsort(
            (
                accepted.offset[begins],
                accepted.host_key[begins],
                accepted.partition[begins],
                span[begins],
                accepted.group[begins],
            )
        )
        accepted = accepted.take(_ranges(begins[order], sizes[order]))
        sizes = sizes[order]
        begins = np.cumsum(sizes) - sizes
    return accepted, begins[_row_segments(sizes, accepted.group[begins], accepted.samples.ts_ms[begins] // ROW_SPAN_MS)]


def _ranges(starts: Ints, sizes: Ints) -> Rows:
    """Return start, start + 1, ... of each range, end to end."""
    rows: Rows = np.repeat(starts - (np.cumsum(sizes) - sizes), sizes) + np.arange(int(sizes.sum()))
    return rows


def _row_segments(sizes: Ints, group: Ints, span: Ints) -> npt.NDArray[np.intp]:
    """Return the first segment of each row: a new one for every group and span, and when the row would be too full."""
    other = np.ones(len(sizes), bool)
    other[1:] = (group[1:] != group[:-1]) | (span[1:] != span[:-1])
    first, filled = [], 0
    for index, (size, begins) in enumerate(zip(sizes.tolist(), other.tolist(), strict=True)):
        if begins or filled + size > ROW_SAMPLES:
            first.append(index)
            filled = 0
        filled += size
    return np.array(first, np.intp)


def _integers(values: Numbers, given: Bools, kind: type[np.integer], scale: float) -> npt.NDArray[np.integer]:
    """Return round(values x scale) as integers [n]; the largest of the type stands for null."""
    null = np.iinfo(kind).max
    if not given.any():
        return np.full(len(values), null, kind)
    scaled = values if scale == 1.0 else np.rint(values * scale)
    if given.all():
        return scaled.astype(kind)
    integers = np.where(given, scaled, 0).astype(kind)
    integers[~given] = null
    return integers


def _jobs(label: Label, starts: Ints, counts: Ints) -> tuple[pa.Array, npt.NDArray[np.uint32]]:
    """Return each row's distinct jobs as lists, and for each sample the place of its job in its row's, from 1.

    They are in order of their names: as they come, the same jobs would have other places every second.
    """
    width = len(label.values) + 1
    order = pc.array_sort_indices(label.values).to_numpy()
    place_of = np.empty(width, np.int64)
    place_of[order], place_of[-1] = np.arange(1, width), 0  # code -1 takes the last
    pair_of = np.repeat(np.arange(len(starts)), counts) * width + place_of[label.codes]  # row and job, or no job
    pairs, index = _distinct(pair_of, len(starts) * width)
    named = pairs % width > 0
    per_row = np.bincount(pairs[named] // width, minlength=len(starts))
    first = np.cumsum(per_row) - per_row
    place = np.cumsum(named) - first[pairs // width]
    values = label.values.take(pa.array(order[pairs[named] % width - 1]))
    offsets = pa.array(np.append(first, per_row.sum()).astype(np.int32))
    return pa.ListArray.from_arrays(offsets, values), np.where(named, place, 0).astype(np.uint32)[index]


def _distinct(numbers: Ints, below: int) -> tuple[Ints, Ints]:
    """Return the distinct numbers in order, and for each number its place among them; by a table where it is small."""
    if below > _DENSE:
        values, places = np.unique(numbers, return_inverse=True)
        return values, places
    found = np.zeros(below, bool)
    found[numbers] = True
    values = np.flatnonzero(found)
    place = np.empty(below, np.int64)
    place[values] = np.arange(len(values))
    return values, place[numbers]


def _lists(values: npt.NDArray[np.generic], starts: Ints) -> pa.ListArray:
    """Cut [n] values into a list per row; a row of equal values becomes a list of one."""
    begins = np.ones(len(values), bool)
    begins[1:] = values[1:] != values[:-1]
    begins[starts] = False
    changes = np.add.reduceat(begins, starts, dtype=np.int64)
    kept = np.where(changes > 0, np.diff(np.append(starts, len(values))), 1)
    if (changes == 0).any():
        row = np.repeat(changes > 0, np.diff(np.append(starts, len(values))))
        row[starts] = True
        values = values[row]
    offsets = np.append(0, np.cumsum(kept)).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values))
