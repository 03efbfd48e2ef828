"""Cutting a partition's log into blocks, and bringing blocks together for one commit.

A block is a run of messages with neighbouring offsets of one partition, and one row of the ledger. A commit stores
blocks of several partitions at once, because what an insert costs is the insert. Any cut will do for exactness as
long as all workers agree on it (`streams.store` sees to that); this one follows the broker's clock, second by second,
so that what is stored is fresh and worth an insert.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

from schema import wire
from schema.unfolding import MalformedError

MAX_BLOCK_WEIGHT: Final = 32 * 2**20
"""A block is cut when what it unfolds into grows beyond this, so that a backlog cannot fill the memory."""


_HELD_AT_MOST_S: Final = 1.5
"""So long a message is held back whatever its time: where somebody set the topic so, it is its producer's word."""
_LATEST_MS: Final = 4_102_444_800_000
"""The year 2100. ClickHouse's seconds end in 2106, and Python's dates in 9999."""


def appended(timestamp_ms: int) -> int:
    """Return a message's time in epoch milliseconds, within what can be written as a date."""
    return min(max(timestamp_ms, 0), _LATEST_MS)


@dataclass(frozen=True)
class LogMessage:
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

    @cached_property
    def weight(self) -> int:
        """How much memory it takes to work on, about, in bytes: what its value unfolds into."""
        try:
            return wire.unfolded_bytes(self.value, self.content_type) if self.value else 0
        except MalformedError:  # which is refused undecoded
            return self.nbytes


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
    """The messages of a span. Offsets without one are marks of transactions, or `lost`."""

    span: Span
    messages: list[LogMessage]
    lost: int = 0

    @property
    def nbytes(self) -> int:
        """Size of all its messages."""
        return sum(message.nbytes for message in self.messages)

    @property
    def weight(self) -> int:
        """How much memory all its messages take to work on."""
        return sum(message.weight for message in self.messages)


@dataclass(frozen=True)
class Commit:
    """Blocks of different partitions that are stored together, under one name."""

    commit_id: str
    blocks: list[Block]

    @property
    def messages(self) -> list[LogMessage]:
        """All messages, block by block."""
        return [message for block in self.blocks for message in block.messages]


class PartitionCutter:
    """Holds back one partition's messages until a block of them is complete.

    `stored` is the last offset that is already stored. `due` says whether a block may be cut, `peek` proposes it, and
    `stored_to` lets go of what was stored. `elapsed_s` is a clock that nobody sets.
    """

    def __init__(
        self, partition: int, stored: int, grace_ms: int = 150, elapsed_s: Callable[[], float] = time.monotonic
    ) -> None:
        self.partition = partition
        self.stored = stored
        self._grace_ms = grace_ms
        self._elapsed_s = elapsed_s
        self._waiting: deque[LogMessage] = deque()
        self._weight = 0
        self._head_since_s = 0.0
        self._passed_over = stored
        self._lost_before: dict[int, int] = {}
        self._lost_since = 0

    def lose(self, before: int, lost: int) -> None:
        """Pass over what is expected up to before `before`, of which `lost` messages are lost."""
        self._passed_over = before - 1
        self._lost_since += lost

    @property
    def last(self) -> int:
        """The last offset that is stored, held or passed over; the next one is expected."""
        return max(self._waiting[-1].offset if self._waiting else self.stored, self._passed_over)

    def add(self, message: LogMessage) -> None:
        """Take in the next message, whose offset is beyond `last`."""
        self._lost_before[message.offset], self._lost_since = self._lost_since, 0
        if not self._waiting:
            self._head_since_s = self._elapsed_s()
        self._waiting.append(message)
        self._weight += message.weight

    def due(self, now_ms: int) -> bool:
        """Say whether a block is complete: its second is over by the clock and some grace, or it is full."""
        if not self._waiting:
            return False
        if self._over(self._waiting[0].appended_ms, now_ms) or self._weight > MAX_BLOCK_WEIGHT:
            return True
        return self._held_long()

    def _held_long(self) -> bool:
        return self._elapsed_s() - self._head_since_s >= _HELD_AT_MOST_S

    def _over(self, appended_ms: int, now_ms: int) -> bool:
        return now_ms >= (appended_ms // 1000 + 1) * 1000 + self._grace_ms

    def peek(self, now_ms: int) -> Block:
        """Propose the next block: all seconds that are over, as far as they fit, and at least the first message."""
        messages: list[LogMessage] = []
        weight = 0
        everything = not self._over(self._waiting[0].appended_ms, now_ms) and self._held_long()
        for message in self._waiting:
            full = weight + message.weight > MAX_BLOCK_WEIGHT
            if messages and (full or not (everything or self._over(message.appended_ms, now_ms))):
                break
            messages.append(message)
            weight += message.weight
        lost = sum(self._lost_before[message.offset] for message in messages)
        return Block(Span(self.partition, self.stored + 1, messages[-1].offset), messages, lost)

    def stored_to(self, offset: int) -> list[LogMessage]:
        """Let go of the messages up to `offset`, which are stored; return them."""
        self.stored = offset
        gone = []
        while self._waiting and self._waiting[0].offset <= offset:
            gone.append(self._waiting.popleft())
            del self._lost_before[gone[-1].offset]
            self._weight -= gone[-1].weight
        if gone:
            self._head_since_s = self._elapsed_s()
        return gone
