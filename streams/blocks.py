"""Cutting a partition's log into blocks.

A block is a run of messages with neighbouring offsets, stored under the name of its first offset. Any cut will do for
exactness as long as all workers agree on it (`streams.store` sees to that); this one follows the broker's clock, a
block a second, so that a block is worth an insert and is still fresh.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

MAX_BLOCK_BYTES: Final = 48 * 2**20
"""A block that grows beyond this is cut at once, so that a backlog cannot fill the memory."""


@dataclass(frozen=True)
class LogMessage:
    """A message as it lies in the log; `appended_ms` is the broker's clock, in epoch milliseconds."""

    offset: int
    appended_ms: int
    value: bytes | None
    content_type: str | None

    @property
    def nbytes(self) -> int:
        """Size of the message's value."""
        return len(self.value or b"")


@dataclass(frozen=True)
class Block:
    """A run of messages of one partition, to be stored as one, under the name of `offset_from`.

    `offset_from` follows the block before; the first message may lie later, where transaction marks took offsets.
    """

    partition: int
    offset_from: int
    messages: list[LogMessage]

    @property
    def offset_to(self) -> int:
        """Offset of the last message."""
        return self.messages[-1].offset


class PartitionCutter:
    """Holds back one partition's messages until a block of them is complete.

    `stored` is the last offset that is already stored. `due` says whether a block may be cut, `peek` proposes it, and
    `take` removes what was stored.
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
        """Say whether a block is complete: its second is over by the log, or by the clock and some grace."""
        if not self._waiting:
            return False
        second = self._waiting[0].appended_ms // 1000
        over_by_log = self._waiting[-1].appended_ms // 1000 > second
        return over_by_log or now_ms >= (second + 1) * 1000 + self._grace_ms or self._bytes > MAX_BLOCK_BYTES

    def peek(self, offset_to: int | None = None) -> Block:
        """Propose the next block, or make the one that ends at `offset_to`, as another worker agreed it."""
        messages: list[LogMessage] = []
        second = self._waiting[0].appended_ms // 1000
        nbytes = 0
        for message in self._waiting:
            if offset_to is not None:
                if message.offset > offset_to:
                    break
            elif message.appended_ms // 1000 > second or nbytes > MAX_BLOCK_BYTES:
                break
            messages.append(message)
            nbytes += message.nbytes
        return Block(self.partition, self.stored + 1, messages)

    def holds(self, offset: int) -> bool:
        """Say whether the log up to `offset` has arrived."""
        return bool(self._waiting) and self._waiting[-1].offset >= offset

    def take(self, block: Block) -> None:
        """Let go of a block that is stored."""
        self.stored = block.offset_to
        while self._waiting and self._waiting[0].offset <= self.stored:
            self._bytes -= self._waiting.popleft().nbytes
