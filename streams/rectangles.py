"""Samples that share their interval and group, added up into one rectangle.

A host reads all its chips at one tick, so a batch has few distinct intervals. Adding up first makes everything
after this cost by the rectangle and no longer by the sample.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from schema.samples import (
    IDLE_BELOW,
    THROTTLE_HARDWARE,
    THROTTLE_POWER_CAP,
    THROTTLE_THERMAL,
    Bools,
    Floats,
    Ints,
    Numbers,
    Samples,
)
from streams import histogram

_DENSE_CELLS: Final = 4_000_000  # a table of counts up to this size is quicker than sorting
_CAUSES: Final = (THROTTLE_POWER_CAP, THROTTLE_THERMAL, THROTTLE_HARDWARE)
_FEW: Final = 16  # so few rectangles are not worth a sort


@dataclass(frozen=True)
class Rectangles:
    """R rectangles, each array of shape [R]; sums are over the samples of a rectangle.

    `group` is an index that the caller gave. `bin_rectangle`, `bin_number` and `bin_chips`, each [B] and in order of
    the first, are the power histograms: how many of a rectangle's chips fall into a bin.
    """

    ts_ms: Ints
    interval_ms: Ints
    group: Ints
    samples: Ints
    late: Ints
    power_w: Floats
    power_w2: Floats
    max_power_w: Floats
    error_w: Floats
    error_w2: Floats
    error_samples: Ints
    utilization: Floats
    utilization_samples: Ints
    tensor: Floats
    tensor_samples: Ints
    idle_w: Floats
    idle_samples: Ints
    throttle_samples: Ints
    power_capped_samples: Ints
    thermal_samples: Ints
    hardware_throttled_samples: Ints
    bin_rectangle: Ints
    bin_number: Ints
    bin_chips: Ints

    def __len__(self) -> int:
        return len(self.ts_ms)

    @property
    def bins(self) -> Ints:
        """How many bins the histogram of each rectangle [R] has."""
        return np.bincount(self.bin_rectangle, minlength=len(self))

    def part(self, first: int, last: int) -> "Rectangles":
        """Return the rectangles from `first` to before `last`."""
        low, high = np.searchsorted(self.bin_rectangle, (first, last))
        columns: dict[str, Any] = {field.name: getattr(self, field.name)[first:last] for field in fields(self)}
        columns |= {name: getattr(self, name)[low:high] for name in ("bin_rectangle", "bin_number", "bin_chips")}
        columns["bin_rectangle"] = columns["bin_rectangle"] - first
        return Rectangles(**columns)


def rectangles(samples: Samples, group: npt.NDArray[np.integer], late: Bools) -> Rectangles:
    """Add up n accepted samples by interval and group.

    `group` [n] tells apart what must not be added together, the power method included; `late` [n] marks the samples
    to be counted as late. Adjacent equals are one rectangle; a batch in no order is sorted first.
    """
    starts = _runs(samples.ts_ms, samples.interval_ms, group)
    if len(starts) > _FEW and len(starts) * 4 > len(samples):
        order = np.lexsort((samples.interval_ms, samples.ts_ms, group))
        samples, group, late = samples.take(order), group[order], late[order]
        starts = _runs(samples.ts_ms, samples.interval_ms, group)
    power_known = samples.given["power_w"]
    power_w = _known(samples.measures["power_w"], power_known)
    error_known = samples.given["power_error_w"] & power_known
    error_w = _known(samples.measures["power_error_w"], error_known)
    utilization_known, tensor_known = samples.given["utilization"], samples.given["tensor_utilization"]
    idle = utilization_known & (samples.measures["utilization"] < IDLE_BELOW)
    return Rectangles(
        samples.ts_ms[starts],
        samples.interval_ms[starts],
        group[starts].astype(np.int64),
        np.diff(np.append(starts, len(samples))),
        _count(late, starts),
        _sum(power_w, starts),
        _sum(power_w * power_w, starts),
        np.maximum.reduceat(power_w, starts) if len(starts) else power_w,
        _sum(error_w, starts),
        _sum(error_w * error_w, starts),
        _count(error_known, starts),
        _sum(_known(samples.measures["utilization"], utilization_known), starts),
        _count(utilization_known, starts),
        _sum(_known(samples.measures["tensor_utilization"], tensor_known), starts),
        _count(tensor_known, starts),
        _sum(np.where(idle, power_w, 0.0), starts) if idle.any() else np.zeros(len(starts)),
        _count(idle, starts),
        *_throttled(samples, starts),
        *_histograms(power_w, power_known, starts),
    )


def _runs(*columns: npt.NDArray[np.integer]) -> npt.NDArray[np.intp]:
    """Return where a run of equal rows begins."""
    n = len(columns[0])
    begins = np.zeros(n, bool)
    begins[:1] = True
    for column in columns:
        begins[1:] |= column[1:] != column[:-1]
    return np.flatnonzero(begins)


def _known(values: Numbers, known: Bools) -> Floats:
    """Return float64 [n] with 0 where nothing is known, so that sums leave it out."""
    if known.all():
        return values.astype(np.float64)
    return np.where(known, values, 0).astype(np.float64)


def _sum(values: Floats, starts: npt.NDArray[np.intp]) -> Floats:
    return np.add.reduceat(values, starts) if len(starts) else values


def _count(marks: Bools, starts: npt.NDArray[np.intp]) -> Ints:
    counts: Ints = np.add.reduceat(marks, starts, dtype=np.int64) if len(starts) else np.zeros(0, np.int64)
    return counts


def _throttled(samples: Samples, starts: npt.NDArray[np.intp]) -> Sequence[Ints]:
    """Count the samples that say whether they are throttled, and of these the ones with each of three causes."""
    stated = samples.given["throttle"]
    if not stated.any():
        return [np.zeros(len(starts), np.int64)] * (1 + len(_CAUSES))
    bits = np.where(stated, samples.measures["throttle"], 0).astype(np.uint8)
    causes = [
        _count((bits & cause) > 0, starts) if bits.any() else np.zeros(len(starts), np.int64) for cause in _CAUSES
    ]
    return [_count(stated, starts), *causes]


def _histograms(power_w: Floats, known: Bools, starts: npt.NDArray[np.intp]) -> Sequence[Ints]:
    """Count the chips of each rectangle by power bin; a table of counts when it is small, else by sorting."""
    lengths = np.diff(np.append(starts, len(power_w)))
    rectangle = np.repeat(np.arange(len(starts)), lengths)
    number = histogram.bins(power_w).astype(np.int64)
    if not known.all():
        rectangle, number = rectangle[known], number[known]
    if not len(number):
        empty = np.zeros(0, np.int64)
        return empty, empty, empty
    low = int(number.min())
    span = int(number.max()) - low + 1
    key = rectangle * span + (number - low)
    if len(starts) * span <= _DENSE_CELLS:
        counts = np.bincount(key, minlength=len(starts) * span)
        cells = np.flatnonzero(counts)
        counts = counts[cells]
    else:
        cells, counts = np.unique(key, return_counts=True)
    return cells // span, cells % span + low, counts.astype(np.int64)
