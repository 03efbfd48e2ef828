"""Cutting a partition's log into blocks, and bringing blocks together for one commit.

A block is a run of messages with neighbouring offsets of one partition, and one row of the ledger. A commit stores
blocks of several partitions at once, because what an insert costs is the insert. Any cut will do for exactness as
long as all workers agree on it (`streams.store` sees to that); this one follows the broker's clock, beat by beat
(`streams.rhythm`), so that what is stored is fresh and worth an insert.
"""

import time
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from typing import Final, NamedTuple

from schema import wire
from schema.unfolding import MalformedError
from streams.rhythm import Rhythm

MAX_BLOCK_WEIGHT: Final = 32 * 2**20
"""A block is cut when what it unfolds into grows beyond this, so that a backlog cannot fill the memory."""
_HELD_AT_MOST_S: Final = 2.0
"""So long a message is held back whatever its time: where somebody set the topic so, it is its producer's word."""
_LATEST_MS: Final = 4_102_444_800_000
"""The year 2100. ClickHouse's seconds end in 2106, and Python's dates in 9999."""


def appended(timestamp_ms: int) -> int:
    """Return a message's time in epoch milliseconds, within what can be written as a date."""
    return min(max(timestamp_ms, 0), _LATEST_MS)


class LogMessage(NamedTuple):
    """A message as it lies in the log; `appended_ms` is the broker's clock, in epoch milliseconds."""

    partition: int
    offset: int
    appended_ms: int
    value: bytes | None
    content_type: str | None

    @property
    def nbytes(self) -> int:
        """Size of the message's value."""
        return len(self.value or b"")

    @property
    def weight(self) -> int:
        """How much memory it takes to work on, about, in bytes: what its value unfolds into."""
        return weigh([self])[0]


def weigh(messages: Sequence[LogMessage]) -> list[int]:
    """Return how much memory each message takes to work on, about, in bytes: what its value unfolds into."""
    return [_weight(message.value, message.content_type) for message in messages]


def _weight(value: bytes | None, content_type: str | None) -> int:
    try:
        return wire.unfolded_bytes(value, content_type) if value else 0
    except MalformedError:  # which is refused undecoded
        return len(value or b"")


@dataclass(frozen=True)
class Span:
    """The offsets of a block: from its first to its last one."""

    partition: int
    offset_from: int
    offset_to: int


class Stretch(NamedTuple):
    """Offsets that have no message, from `first` on; `marks` of them are marks of transactions and never had one."""

    first: int
    marks: int = 0


@dataclass(frozen=True)
class Block:
    """The messages of a span. Offsets without one are marks of transactions, or `lost`.

    `weight` is how much memory all its messages take to work on, where it was cut by that.
    """

    span: Span
    messages: list[LogMessage]
    lost: int = 0
    weight: int = 0

    @property
    def nbytes(self) -> int:
        """Size of all its messages."""
        return sum(len(message.value) for message in self.messages if message.value)


@dataclass(frozen=True)
class Commit:
    """Blocks of different partitions that are stored together, under one name."""

    commit_id: str
    blocks: list[Block]

    @property
    def messages(self) -> list[LogMessage]:
        """All messages, block by block."""
        return list(chain.from_iterable(block.messages for block in self.blocks))


class _Held:
    """Neighbouring messages that are held back; `lost` messages are missing right before them.

    `weights` are added up: each is what all messages up to its own weigh together.
    """

    __slots__ = ("_each", "_latest_ms", "lost", "messages", "weights")

    def __init__(self, messages: Sequence[LogMessage], each: Sequence[int], lost: int) -> None:
        self.messages = messages
        self.lost = lost
        self.weights = list(accumulate(each))
        self._each = each
        self._latest_ms = max(message.appended_ms for message in messages)

    @property
    def weight(self) -> int:
        """What all of them weigh."""
        return self.weights[-1]

    def ready(self, before_ms: int, room: int) -> int:
        """Return how many of them, from the first on, are of before `before_ms` and weigh no more than `room`."""
        count = len(self.messages)
        if self._latest_ms >= before_ms:
            count = next(at for at, message in enumerate(self.messages) if message.appended_ms >= before_ms)
        return count if self.weight <= room else min(count, bisect_right(self.weights, room))

    def after(self, count: int) -> "_Held":
        """Return all but the first `count`."""
        return _Held(self.messages[count:], self._each[count:], 0)


class PartitionCutter:
    """Holds back one partition's messages until a block of them is complete.

    `stored` is the last offset that is already stored. `due` says whether a block may be cut, `peek` proposes it, and
    `stored_to` lets go of what was stored. `elapsed_s` is a clock that nobody sets.
    """

    def __init__(
        self, partition: int, stored: int, rhythm: Rhythm, elapsed_s: Callable[[], float] = time.monotonic
    ) -> None:
        self.partition = partition
        self.stored = stored
        self._rhythm = rhythm
        self._elapsed_s = elapsed_s
        self._waiting: deque[_Held] = deque()
        self._weight = 0
        self._head_since_s = 0.0
        self._passed_over = stored
        self._lost_since = 0

    def lose(self, before: int, lost: int) -> None:
        """Pass over what is expected up to before `before`, of which `lost` messages are lost."""
        self._passed_over = before - 1
        self._lost_since += lost

    @property
    def last(self) -> int:
        """The last offset that is stored, held or passed over; the next one is expected."""
        return max(self._waiting[-1].messages[-1].offset if self._waiting else self.stored, self._passed_over)

    def add(self, message: LogMessage) -> None:
        """Take in the next message, whose offset is beyond `last`."""
        self.extend([message])

    def extend(self, messages: Sequence[LogMessage]) -> None:
        """Take in the next messages, at least one: neighbouring offsets, all beyond `last`."""
        held = _Held(messages, weigh(messages), self._lost_since)
        self._lost_since = 0
        if not self._waiting:
            self._head_since_s = self._elapsed_s()
        self._waiting.append(held)
        self._weight += held.weight

    def due(self, now_ms: int) -> bool:
        """Say whether a block is complete: its beat is over by the clock and some grace, or it is full."""
        if not self._waiting:
            return False
        head_ms = self._waiting[0].messages[0].appended_ms
        return head_ms < self._rhythm.over_before(now_ms) or self._weight > MAX_BLOCK_WEIGHT or self._held_long()

    def _held_long(self) -> bool:
        return self._elapsed_s() - self._head_since_s >= _HELD_AT_MOST_S

    def peek(self, now_ms: int) -> Block:
        """Propose the next block: all beats that are over, as far as they fit, and at least the first message.

        Where the first one's beat is not over, the block is due because it is full or held long: all that fits.
        """
        messages: list[LogMessage] = []
        weight = lost = 0
        before_ms = self._rhythm.over_before(now_ms)
        if self._waiting[0].messages[0].appended_ms >= before_ms:
            before_ms = _LATEST_MS + 1
        for held in self._waiting:
            count = held.ready(before_ms, MAX_BLOCK_WEIGHT - weight)
            if not messages:
                count = max(count, 1)
            if count == 0:
                break
            messages += held.messages[:count]
            weight += held.weights[count - 1]
            lost += held.lost
            if count < len(held.messages):
                break
        return Block(Span(self.partition, self.stored + 1, messages[-1].offset), messages, lost, weight)

    def stored_to(self, offset: int) -> list[LogMessage]:
        """Let go of the messages up to `offset`, which are stored; return them."""
        self.stored = offset
        gone: list[LogMessage] = []
        while self._waiting and self._waiting[0].messages[0].offset <= offset:
            held = self._waiting[0]
            count = min(offset - held.messages[0].offset + 1, len(held.messages))
            gone += held.messages[:count]
            self._weight -= held.weights[count - 1]
            if count < len(held.messages):
                self._waiting[0] = held.after(count)
            else:
                self._waiting.popleft()
        if gone:
            self._head_since_s = self._elapsed_s()
        return gone
