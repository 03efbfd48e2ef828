"""How far one message may reach: into how many sums its rows unfold, and how many names it may bring.

A row of an hour is one row of a message and 3,600 rows of sums. Rows that share interval, group and power method are
added up before they are spread, and count once. What counts first stands first in the message.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schema.limits import MAX_INTERVAL_MS
from schema.samples import Bools, Ints, Label, Samples

GROUPING: Final = ("site", "fleet", "platform", "model")
"""The labels that sums are kept apart by, besides the power method."""
MAX_SUMS: Final = 2**16
"""So many sums by second a message may make, or two for each of its rows: an hour of 18 groups, or 15 minutes of 72."""
MAX_BINS: Final = 2**20
"""So many power bins these sums may have, or four for each row: an hour of one group at 290 different powers."""
MAX_PIECES: Final = 8_000_000
"""Of so many pieces they may be made: one for each second of a rectangle, and for each power bin in it."""
MAX_JOBS: Final = 2**14
"""So many different jobs a message may name."""
MAX_CHIPS: Final = 2**17
"""So many different chips: a pod of a hundred thousand is one message."""

MAX_GROUPS: Final = 2**12
"""So many different sites, fleets, platforms and models together: each costs what a thousand samples cost."""

_BIN_SHIFT: Final = 17
"""Powers fall into the bins of `streams.histogram`,"""
_MOST_BINS: Final = 1_000
"""of which so many lie between a watt and the highest that a sample may state, about."""


def may_reach_too_far(interval_ms: Ints, rows: int) -> bool:
    """Say whether any message of so many rows at most, with these intervals, needs a look at all."""
    longest_ms = min(int(interval_ms.max(initial=0)), MAX_INTERVAL_MS)
    return rows > MAX_JOBS or rows * (longest_ms // 1000 + 2) > MAX_SUMS


def unfolds_too_far(samples: Samples, labels: dict[str, Label], accepted: Bools) -> Bools:
    """Mark the accepted rows [n] of one message with which it makes more sums than a message may.

    `labels` are at least those of `GROUPING`. Rectangles of a group that overlap stand or fall together.
    """
    marks = np.zeros(len(samples), bool)
    rows = np.flatnonzero(accepted)
    if not may_reach_too_far(samples.interval_ms, len(rows)) or _is_plain(samples, labels):
        return marks
    group = _codes([*(labels[name] for name in GROUPING), samples.labels["power_method"]])[rows]
    first_s = (samples.ts_ms - samples.interval_ms)[rows] // 1000
    until_s = (samples.ts_ms[rows] - 1) // 1000 + 1
    order = np.lexsort((samples.interval_ms[rows], samples.ts_ms[rows], first_s, group))
    rectangle = _numbered(samples.ts_ms[rows][order], samples.interval_ms[rows][order], group[order])
    starts = np.flatnonzero(np.append(True, np.diff(rectangle) > 0))
    group, first_s, until_s = group[order][starts], first_s[order][starts], until_s[order][starts]
    power_bin = _power_bins(samples, rows[order])
    pieces = (until_s - first_s) * (1 + _different(rectangle, power_bin))
    # Offsets by group keep the running end of one group from reaching into the next.
    apart = group * (int(until_s.max()) - int(first_s.min()) + 1)
    begins, ends = first_s + apart, np.maximum.accumulate(until_s + apart)
    cluster = np.cumsum(np.append(True, begins[1:] > ends[:-1])) - 1
    heads = np.flatnonzero(np.append(True, np.diff(cluster) > 0))
    sums, pieces = np.maximum.reduceat(ends, heads) - begins[heads], np.add.reduceat(pieces, heads)
    bins = np.minimum(sums * _different(cluster[rectangle], power_bin), pieces)
    turn = np.argsort(np.minimum.reduceat(order, starts[heads]))
    far = np.zeros(len(heads), bool)
    bounds = (sums, max(MAX_SUMS, 2 * len(rows))), (bins, max(MAX_BINS, 4 * len(rows))), (pieces, MAX_PIECES)
    for counts, most in bounds:
        far[turn] |= np.cumsum(counts[turn]) > most
    marks[rows[order[far[cluster[rectangle]]]]] = True
    return marks


def _is_plain(samples: Samples, labels: dict[str, Label]) -> bool:
    """Say, at a glance, of a message of few intervals and few groups that it stays within every bound."""
    intervals = 1 + int(_numbered(samples.ts_ms, samples.interval_ms)[-1])
    groups = len(np.unique(samples.labels["power_method"].codes))
    for name in GROUPING:
        groups *= max(len(labels[name].values), 1)
    seconds = intervals * groups * (int(samples.interval_ms.max()) // 1000 + 2)
    return seconds <= min(MAX_SUMS, MAX_BINS // _MOST_BINS)


def names_too_many(labels: dict[str, Label], accepted: Bools) -> Bools:
    """Mark the accepted rows [n] of one message that name a job or a chip beyond as many as it may name.

    `labels` are at least the job, and the chip with all that tells it apart where there are more than `MAX_CHIPS` rows.
    """
    marks = np.zeros(len(accepted), bool)
    rows = np.flatnonzero(accepted)
    if min(len(rows), len(labels["job"].values)) > MAX_JOBS:
        job = labels["job"].take(rows)
        marks[rows[_beyond(_codes([job]), MAX_JOBS) & (job.codes >= 0)]] = True
    if len(rows) > MAX_CHIPS:
        chip = [labels[name].take(rows) for name in (*GROUPING, "host", "chip")]
        marks[rows[_beyond(_codes(chip), MAX_CHIPS)]] = True
    return marks


def _beyond(codes: Ints, most: int) -> Bools:
    """Mark what is none of the first `most` different codes; they are numbered in the order in which they come."""
    beyond: Bools = codes >= most
    return beyond


def _codes(labels: Sequence[Label]) -> Ints:
    """Return one number [n] for each distinct combination of labels; a missing one counts as empty."""
    texts = [pc.fill_null(label.values.take(pa.array(label.codes, mask=label.codes < 0)), "") for label in labels]
    codes = pc.binary_join_element_wise(*texts, "\0").dictionary_encode().indices
    return np.asarray(codes.to_numpy(), np.int64)


def _numbered(*columns: Ints) -> Ints:
    """Give each row [n] the number of its run of equal rows, from 0."""
    new = np.zeros(len(columns[0]), bool)
    for column in columns:
        new[1:] |= column[1:] != column[:-1]
    numbers: Ints = np.cumsum(new)
    return numbers


def _power_bins(samples: Samples, rows: Ints) -> Ints:
    """Return the power bin of each of these rows, -1 where the power is not known."""
    power_w = np.ascontiguousarray(samples.measures["power_w"][rows], np.float32)
    bins: Ints = np.where(samples.given["power_w"][rows], power_w.view(np.uint32) >> _BIN_SHIFT, -1).astype(np.int64)
    return bins


def _different(of: Ints, power_bin: Ints) -> Ints:
    """Count the different power bins of each number in `of` [n], which has all from 0."""
    pairs = np.unique((of << 16 | power_bin)[power_bin >= 0])
    counts: Ints = np.bincount(pairs >> 16, minlength=int(of[-1]) + 1)
    return counts
