"""Cutting a partition's log into blocks, and bringing blocks together for one commit.

A block is a run of messages with neighbouring offsets of one partition, and one row of the ledger. A commit stores
blocks of several partitions at once, because what an insert costs is the insert. Any cut will do for exactness as
long as all workers agree on it (`streams.store` sees to that); this one follows the broker's clock, second by second,
so that what is stored is fresh and worth an insert.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

MAX_BLOCK_BYTES: Final = 16 * 2**20
"""A block is cut when it grows beyond this, so that a backlog cannot fill the memory."""


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


@dataclass(frozen=True)
class Span:
    """The offsets of a block: from its first to its last one."""

    partition: int
    offset_from: int
    offset_to: int


@dataclass(frozen=True)
class Block:
    """The messages of a span. The first may lie after `offset_from`, where transaction marks took offsets."""

    span: Span
    messages: list[LogMessage]

    @property
    def nbytes(self) -> int:
        """Size of all its messages."""
        return sum(message.nbytes for message in self.messages)


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
    `stored_to` lets go of what was stored.
    """

    def __init__(self, partition: int, stored: int, grace_ms: int = 150) -> None:
        self.partition = partition
        self.stored = stored
        self._grace_ms = grace_ms
        self._waiting: deque[LogMessage] = deque()
        self._bytes = 0

    def lost(self, first: int) -> None:
        """Begin at `first`: the log has nothing before it any more. Nothing may be held back."""
        self.stored = first - 1

    @property
    def last(self) -> int:
        """The last offset that is stored or held; the next one is expected."""
        return self._waiting[-1].offset if self._waiting else self.stored

    def add(self, message: LogMessage) -> None:
        """Take in the next message, whose offset is beyond `last`."""
        self._waiting.append(message)
        self._bytes += message.nbytes

    def due(self, now_ms: int) -> bool:
        """Say whether a block is complete: its second is over by the clock and some grace, or it is full."""
        if not self._waiting:
            return False
        return self._over(self._waiting[0].appended_ms, now_ms) or self._bytes > MAX_BLOCK_BYTES

    def _over(self, appended_ms: int, now_ms: int) -> bool:
        return now_ms >= (appended_ms // 1000 + 1) * 1000 + self._grace_ms

    def peek(self, now_ms: int) -> Block:
        """Propose the next block: all seconds that are over, as far as they fit, and at least the first message."""
        messages: list[LogMessage] = []
        nbytes = 0
        for message in self._waiting:
            full = nbytes + message.nbytes > MAX_BLOCK_BYTES
            if messages and (full or not self._over(message.appended_ms, now_ms)):
                break
            messages.append(message)
            nbytes += message.nbytes
        return Block(Span(self.partition, self.stored + 1, messages[-1].offset), messages)

    def stored_to(self, offset: int) -> list[LogMessage]:
        """Let go of the messages up to `offset`, which are stored; return them."""
        self.stored = offset
        gone = []
        while self._waiting and self._waiting[0].offset <= offset:
            gone.append(self._waiting.popleft())
            self._bytes -= gone[-1].nbytes
        return gone
