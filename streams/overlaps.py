"""Chips of which two samples cover the same time, among all samples that one worker stores, commit after commit.

A chip that comes from two hosts or through two partitions is known by its claims alone. Two producers that agree in all
of that are found only here. Messages come in the order of the log, and those of one roster begin where the one before
ended: that is one comparison a message. Only where it fails, or a chip is in several rosters, is each sample looked at.
"""

import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from schema.samples import Ints, Rows

TOLD_EVERY_MS: Final = 10_000
"""A chip is told again after so long, by the ends of its samples."""
_NEVER: Final = -(2**62)
_MOST: Final = 2_000_000  # chips of a whole fleet twice, in some 80 MB


@dataclass(eq=False)
class Track:
    """Up to when a roster's chips were reported.

    `slots` [n] are the places of its rows in what is kept chip by chip. `block` rows have no chip twice, and the roster
    is one of them or several alike, as in a message of several reads. `until_ms` is that of all its chips; None where
    they differ, or where a chip is in another roster too: `alone` is false then.
    """

    slots: Ints
    block: int
    alone: bool
    until_ms: int | None = _NEVER


class Overlaps:
    """Knows up to when each chip was reported; at most about `most` chips, which `full` says."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._series = np.zeros(0, np.uint64)  # in order
        self._slot = np.zeros(0, np.int64)  # of each of them
        self._until_ms = np.zeros(0, np.int64)  # by slot, as is the rest
        self._told_ms = np.zeros(0, np.int64)
        self._owner = np.zeros(0, np.int64)
        self._tracks: weakref.WeakValueDictionary[int, Track] = weakref.WeakValueDictionary()
        self._next = 1

    @property
    def full(self) -> bool:
        """Whether it is time to begin anew."""
        return len(self._series) > self._most

    def track(self, rosters: Sequence[npt.NDArray[np.uint64]]) -> list[Track]:
        """Begin to follow new rosters, each given by the series of its rows."""
        slots = self._slots_of(np.concatenate(rosters))
        edges = np.cumsum([len(series) for series in rosters])[:-1]
        return [self._track(part) for part in np.split(slots, edges)]

    def _track(self, slots: Ints) -> Track:
        block = _block(slots)
        made = Track(slots, block or max(len(slots), 1), alone=block > 0)
        for number in np.unique(self._owner[slots]).tolist():
            if (other := self._tracks.get(number)) is not None:
                self._spread(other)
                other.alone = made.alone = False
        if not made.alone:
            made.until_ms = None
        self._tracks[self._next] = made
        self._owner[slots] = self._next
        self._next += 1
        return made

    def _slots_of(self, series: npt.NDArray[np.uint64]) -> Ints:
        """Return the slots of these, where new ones get the next."""
        place = np.minimum(np.searchsorted(self._series, series), max(len(self._series) - 1, 0))
        new = np.unique(series[self._series[place] != series] if len(self._series) else series)
        if len(new):
            self._slot = np.concatenate([self._slot, len(self._slot) + np.arange(len(new))])
            self._series = np.concatenate([self._series, new])
            order = np.argsort(self._series, kind="stable")
            self._series, self._slot = self._series[order], self._slot[order]
            never = np.full(len(new), _NEVER, np.int64)
            self._until_ms = np.concatenate([self._until_ms, never])
            self._told_ms = np.concatenate([self._told_ms, never])
            self._owner = np.concatenate([self._owner, np.zeros(len(new), np.int64)])
            place = np.searchsorted(self._series, series)
        return self._slot[place]

    def _spread(self, track: Track) -> None:
        """Let what is known of a roster as a whole be known of each of its chips."""
        if track.until_ms is not None:
            self._until_ms[track.slots] = np.maximum(self._until_ms[track.slots], track.until_ms)
            track.until_ms = None

    def find(self, tracks: Mapping[int, Track], message: Ints, place: Ints, ts_ms: Ints, interval_ms: Ints) -> Rows:
        """Return which of n samples overlap another one of their chip by more than a quarter, and are to be told now.

        `tracks` has that of each message with samples. Samples stand message by message; `message` [n] is the number of
        each one's, `place` [n] its row there.
        """
        begin_ms = ts_ms - interval_ms * 3 // 4  # when a quarter of it is over
        counts = np.bincount(message)
        starts = np.cumsum(counts) - counts
        blocks = np.zeros(len(counts), np.int64)
        for index in np.flatnonzero(counts).tolist():
            track, count = tracks[index], int(counts[index])
            blocks[index] = max(count // track.block, 1) if count == len(track.slots) else 1
        doubtful = []
        for index, low, high, apart in _spans(begin_ms, ts_ms, starts, counts, blocks):
            track = tracks[index]
            if track.until_ms is not None and apart and low >= track.until_ms:
                track.until_ms = high
            else:
                doubtful.append(index)
        if not doubtful:
            return np.zeros(0, np.intp)
        theirs = {index: np.arange(starts[index], starts[index] + counts[index]) for index in doubtful}
        for index in doubtful:
            self._spread(tracks[index])
        rows = np.concatenate(list(theirs.values()))
        slots = np.concatenate([tracks[index].slots[place[own]] for index, own in theirs.items()])
        found = self._by_chip(slots, begin_ms[rows], ts_ms[rows])
        for track in {id(tracks[index]): tracks[index] for index in doubtful}.values():
            ends = self._until_ms[track.slots]
            if track.alone and (ends == ends[0]).all():
                track.until_ms = int(ends[0])
        return rows[found]

    def _by_chip(self, slots: Ints, begin_ms: Ints, end_ms: Ints) -> Rows:
        """Compare each sample with the one of its chip before it, and with what came in earlier commits."""
        order = np.lexsort((begin_ms, slots))
        slot, begin, end = slots[order], begin_ms[order], end_ms[order]
        before = self._until_ms[slot]
        same = slot[1:] == slot[:-1]
        before[1:][same] = np.maximum(before[1:][same], end[:-1][same])
        overlap = (begin < before) & (end >= self._told_ms[slot] + TOLD_EVERY_MS)
        np.maximum.at(self._until_ms, slot, end)
        self._told_ms[slot[overlap]] = end[overlap]
        found: Rows = np.sort(order[overlap])
        return found


def _spans(
    begin_ms: Ints, end_ms: Ints, starts: Ints, counts: Ints, blocks: Ints
) -> Iterator[tuple[int, int, int, bool]]:
    """Give of each message with samples its number, earliest begin, latest end, and whether its blocks are apart."""
    held = np.flatnonzero(counts)
    if not len(held):
        return zip((), (), (), (), strict=True)
    blocks = blocks[held]
    last = np.cumsum(blocks) - 1
    if last[-1] + 1 == len(held):
        at = starts[held]
    else:
        at = np.repeat(starts[held], blocks) + _nth(blocks) * np.repeat(counts[held] // blocks, blocks)
    low, high = np.minimum.reduceat(begin_ms, at), np.maximum.reduceat(end_ms, at)
    apart = np.ones(len(held), bool)
    if len(at) > len(held):
        message = np.repeat(np.arange(len(held)), blocks)
        apart[message[1:][(message[1:] == message[:-1]) & (low[1:] < high[:-1])]] = False
    return zip(held.tolist(), low[last + 1 - blocks].tolist(), high[last].tolist(), apart.tolist(), strict=True)


def _nth(counts: Ints) -> Ints:
    """Count from 0 for each of these."""
    return np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)


def _block(slots: Ints) -> int:
    """Return after how many rows the same chips come again; 0 where they come again in another order."""
    if not len(slots):
        return 0
    again = np.flatnonzero(slots[1:] == slots[0])
    length = int(again[0]) + 1 if len(again) else len(slots)
    if len(slots) % length or (slots.reshape(-1, length) != slots[:length]).any():
        return 0
    return length if len(np.unique(slots[:length])) == length else 0
