"""Rectangles into whole seconds: each gives power x overlap to every second that it overlaps.

Pure arithmetic. No window is held open and nothing waits for a watermark: late and unordered samples are simply
added, and any split, order or repetition of deliveries that stores each sample once gives the same sums.
"""

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
import numpy.typing as npt

from schema.samples import Floats, Ints
from streams import histogram
from streams.rectangles import Rectangles


@dataclass(frozen=True)
class Seconds:
    """Additive sums of C cells, one for each (group, second) touched, in order of group and second.

    `second` [C] is epoch seconds. `bin_offsets` [C+1] cut `bin_number` and `bin_chip_seconds` into the cells'
    histograms, each in order of the bin.
    """

    group: Ints
    second: Ints
    energy_j: Floats
    chip_seconds: Floats
    utilization_seconds: Floats
    utilization_chip_seconds: Floats
    tensor_seconds: Floats
    tensor_chip_seconds: Floats
    error_w_seconds: Floats
    error_w2_seconds: Floats
    error_chip_seconds: Floats
    power_w2_seconds: Floats
    max_power_w: Floats
    samples: Ints
    late_samples: Ints
    idle_j: Floats
    idle_chip_seconds: Floats
    throttle_chip_seconds: Floats
    power_capped_chip_seconds: Floats
    thermal_chip_seconds: Floats
    hardware_throttled_chip_seconds: Floats
    bin_offsets: Ints
    bin_number: Ints
    bin_chip_seconds: Floats

    def __len__(self) -> int:
        return len(self.group)


def seconds_touched(ts_ms: Ints, interval_ms: Ints) -> Ints:
    """Return how many whole seconds each interval [n] overlaps."""
    touched: Ints = (ts_ms - 1) // 1000 - (ts_ms - interval_ms) // 1000 + 1
    return touched


def seconds(rects: Rectangles) -> Seconds:
    """Spread rectangles over the seconds that they overlap and add up by group and second.

    A sample counts once, in the second that its interval ends in.
    """
    touched = seconds_touched(rects.ts_ms, rects.interval_ms)
    piece, nth = _unfold(touched)
    second = ((rects.ts_ms - rects.interval_ms) // 1000)[piece] + nth
    ends = nth == touched[piece] - 1
    overlap_ms = np.minimum(rects.ts_ms[piece], (second + 1) * 1000) - np.maximum(
        (rects.ts_ms - rects.interval_ms)[piece], second * 1000
    )
    overlap_s = overlap_ms / 1000.0

    order = np.lexsort((second, rects.group[piece]))
    group, ordered = rects.group[piece][order], second[order]
    begins = np.ones(len(order), bool)
    begins[1:] = (group[1:] != group[:-1]) | (ordered[1:] != ordered[:-1])
    starts = np.flatnonzero(begins)
    cell = np.empty(len(order), np.int64)
    cell[order] = np.cumsum(begins) - 1

    def energy(power_w: Floats) -> Floats:
        return _add_up(cell, power_w[piece] * overlap_ms / 1000.0, len(starts))

    def overlapped(values: npt.NDArray[np.float64 | np.int64]) -> Floats:
        return _add_up(cell, values[piece] * overlap_s, len(starts))

    def counted(values: Ints) -> Ints:
        return _add_up(cell, values[piece] * ends, len(starts)).astype(np.int64)

    return Seconds(
        group[starts],
        ordered[starts],
        energy(rects.power_w),
        overlapped(rects.samples),
        overlapped(rects.utilization),
        overlapped(rects.utilization_samples),
        overlapped(rects.tensor),
        overlapped(rects.tensor_samples),
        overlapped(rects.error_w),
        overlapped(rects.error_w2),
        overlapped(rects.error_samples),
        overlapped(rects.power_w2),
        np.maximum.reduceat(rects.max_power_w[piece][order], starts) if len(starts) else rects.max_power_w[:0],
        counted(rects.samples),
        counted(rects.late),
        energy(rects.idle_w),
        overlapped(rects.idle_samples),
        overlapped(rects.throttle_samples),
        overlapped(rects.power_capped_samples),
        overlapped(rects.thermal_samples),
        overlapped(rects.hardware_throttled_samples),
        *_histograms(rects, piece, cell, overlap_s, len(starts)),
    )


def coarser(cells: Seconds, length_s: int) -> Seconds:
    """Add seconds up to windows of `length_s` that begin at multiples of it; `second` is then a window's start."""
    if length_s == 1 or not len(cells):
        return cells
    start = cells.second // length_s * length_s
    begins = np.ones(len(cells), bool)
    begins[1:] = (cells.group[1:] != cells.group[:-1]) | (start[1:] != start[:-1])
    starts = np.flatnonzero(begins)
    window = np.cumsum(begins) - 1
    sums = {name: np.add.reduceat(getattr(cells, name), starts) for name in _ADDED}
    bins_of = np.diff(cells.bin_offsets)
    offsets, number, chip_seconds = _merge_bins(
        np.repeat(window, bins_of), cells.bin_number, cells.bin_chip_seconds, len(starts)
    )
    return Seconds(
        group=cells.group[starts],
        second=start[starts],
        max_power_w=np.maximum.reduceat(cells.max_power_w, starts),
        bin_offsets=offsets,
        bin_number=number,
        bin_chip_seconds=chip_seconds,
        **sums,
    )


_ADDED: Final = tuple(
    field.name
    for field in fields(Seconds)
    if field.name not in {"group", "second", "max_power_w", "bin_offsets", "bin_number", "bin_chip_seconds"}
)


def _add_up(cell: npt.NDArray[np.integer], weights: npt.NDArray[np.float64 | np.int64], cells: int) -> Floats:
    sums: Floats = np.bincount(cell, weights=weights, minlength=cells).astype(np.float64, copy=False)
    return sums


def _unfold(counts: Ints) -> tuple[Ints, Ints]:
    """Repeat each index as often as it counts: the indices, and the how-manieth of its index each one is."""
    index = np.repeat(np.arange(len(counts)), counts)
    first = np.cumsum(counts) - counts
    return index, np.arange(len(index)) - first[index]


def _histograms(rects: Rectangles, piece: Ints, cell: Ints, overlap_s: Floats, cells: int) -> tuple[Ints, Ints, Floats]:
    """Give every bin of a rectangle to each of its cells, weighted by the overlap."""
    bins_of = rects.bins
    first_bin = np.cumsum(bins_of) - bins_of
    at, nth = _unfold(bins_of[piece])
    source = first_bin[piece[at]] + nth
    return _merge_bins(cell[at], rects.bin_number[source], rects.bin_chips[source] * overlap_s[at], cells)


def _merge_bins(cell: Ints, number: Ints, chip_seconds: Floats, cells: int) -> tuple[Ints, Ints, Floats]:
    """Add up chip-seconds by cell and bin; return where each cell's bins begin, their numbers and their sums."""
    keys, inverse = np.unique(cell * histogram.BINS + number, return_inverse=True)
    offsets: Ints = np.searchsorted(keys, np.arange(cells + 1) * histogram.BINS).astype(np.int64)
    return offsets, keys % histogram.BINS, _add_up(inverse, chip_seconds, len(keys))
