"""Samples of several reads in one message, for who can wait: behind the producer it costs little more than one read's.

Each sample keeps its own time, so nothing is added up or left out. Hosts send in turn: each at its own moment of the
period, by its name, as all at once would be as many messages as before in a fifth of the seconds.
"""

import itertools
from collections.abc import Sequence
from typing import Final

import numpy as np
import pyarrow as pa
import xxhash

from producers.sampler import Clock
from producers.sink import Sink
from producers.source import Batch
from producers.stack import Stack

_CLOCK: Final = Clock()
_MOST_ROWS: Final = 4096
"""Of a message: a larger one saves nothing more."""


class Gathered:
    """A sink that hands on to another what it was given, every `every_s`.

    `period_s` is the time between reads: what would be due before the next one goes with this one.
    """

    def __init__(self, sink: Sink, *, every_s: float, period_s: float, clock: Clock = _CLOCK) -> None:
        self.sent = sink.sent
        self._sink = sink
        self._every_s, self._period_s = every_s, period_s
        self._clock = clock
        self._parts: list[Batch | Stack] = []
        self._rows: dict[str, int] = {}
        self._due_s = 0.0

    def publish(self, part: Batch | Stack) -> None:
        """Take messages; they are handed on when they are due."""
        keys, rows = _messages(part)
        if any(self._rows.get(key, 0) + more > _MOST_ROWS for key, more in zip(keys, rows, strict=True)):
            self.hand_on()
        if not self._parts:
            self._due_s = self._clock.elapsed() + self._until_turn_s(keys[0])
        self._parts.append(part)
        for key, more in zip(keys, rows, strict=True):
            self._rows[key] = self._rows.get(key, 0) + more
        self.sent.gathered += part.samples.num_rows

    def watch(self) -> None:
        """Hand on what is due."""
        if self._due_s <= self._clock.elapsed() + self._period_s:
            self.hand_on()
        self._sink.watch()

    def waiting_bytes(self) -> int:
        """Return how much was handed on and is not delivered yet."""
        return self._sink.waiting_bytes()

    def close(self, timeout_s: float) -> None:
        """Hand on what there is, and have it delivered."""
        self.hand_on()
        self._sink.close(timeout_s)

    def hand_on(self) -> None:
        """Hand on what there is."""
        parts, self._parts, self._rows = self._parts, [], {}
        self.sent.gathered = 0
        by_schema: dict[pa.Schema, list[Batch | Stack]] = {}
        for part in parts:
            by_schema.setdefault(part.samples.schema, []).append(part)
        for alike in by_schema.values():
            self._sink.publish(alike[0] if len(alike) == 1 else joined(alike))

    def _until_turn_s(self, key: str) -> float:
        """Return the time until it is this host's turn; by the stopwatch, as the time of day may be set back."""
        phase_s = xxhash.xxh3_64_intdigest(key.encode()) / 2**64 * self._every_s
        return self._every_s - (self._clock.now() - phase_s) % self._every_s


def joined(parts: Sequence[Batch | Stack]) -> Batch | Stack:
    """Return the samples of parts of one schema as one message for each key, those of a key in their order."""
    samples = pa.concat_batches([part.samples for part in parts])
    told = [_messages(part) for part in parts]
    rows = np.fromiter(itertools.chain.from_iterable(rows for _, rows in told), np.int64)
    numbers: dict[str, int] = {}
    number = np.array([numbers.setdefault(key, len(numbers)) for keys, _ in told for key in keys])
    if len(numbers) == 1:
        return Batch(next(iter(numbers)), samples)
    order = np.argsort(number, kind="stable")
    first = np.cumsum(rows) - rows
    sorted_rows = rows[order]
    at = np.arange(len(samples)) + np.repeat(first[order] - (np.cumsum(sorted_rows) - sorted_rows), sorted_rows)
    return Stack(samples.take(pa.array(at)), list(numbers), np.bincount(number, rows).astype(np.int64))


def _messages(part: Batch | Stack) -> tuple[Sequence[str], Sequence[int]]:
    """Return key and rows of each message."""
    if isinstance(part, Batch):
        return [part.key], [part.samples.num_rows]
    return part.keys, part.rows.tolist()
