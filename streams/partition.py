"""One assigned partition: what arrives is held back, skipped when it is stored, asked for when it is missing."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import structlog

from schema.topics import LOST
from streams.blocks import LogMessage, PartitionCutter, Span, Stretch
from streams.decoded import Refusal

_ASK_AGAIN_S: Final = 1.0

log = structlog.get_logger()


class Log(Protocol):
    """What is asked of the log."""

    async def seek(self, partition: int, offset: int) -> None:
        """Go on reading at `offset`."""

    async def first_offset(self, partition: int) -> int:
        """Return the oldest offset that the log still has."""

    def empty_before(self, partition: int, offset: int) -> Stretch:
        """Return the offsets right before `offset` that hold no message; from `offset` on where none is known."""

    async def dead_letter(self, refusal: Refusal) -> None:
        """Keep what was refused; return when it is kept, and raise where it cannot be."""

    def make_dead_letters(self) -> None:
        """Make the topic of the dead letters anew where it is missing; blocks."""

    def read(self, spans: Sequence[Span]) -> list[LogMessage]:
        """Read spans back, of any partition; blocks."""

    def is_same(self) -> bool:
        """Say whether the topic is still the one it was at the start, and not one made anew; blocks."""

    def marks(self, span: Span) -> int:
        """Return how many offsets of a span are marks of transactions; blocks."""


@dataclass
class Partition:
    """A partition from its assignment to its revocation.

    `cutter` is there once `begin` was told where; until then messages wait in `early`. `busy` while a commit has a
    block of it. `acknowledge` says by offset how each held message is acknowledged.
    """

    number: int
    reader: Log
    cutter: PartitionCutter | None = None
    busy: bool = False
    early: list[tuple[LogMessage, Callable[[], None]]] = field(default_factory=list)
    acknowledge: dict[int, Callable[[], None]] = field(default_factory=dict)
    held_bytes: int = 0
    _asked_at_s: float = -_ASK_AGAIN_S

    async def begin(self, stored: int) -> None:
        """Begin after the offset `stored`, with what has arrived so far."""
        self.cutter = PartitionCutter(self.number, stored)
        early, self.early, self.held_bytes = self.early, [], 0
        for message, acknowledge in early:
            await self.take_in(message, acknowledge)

    async def take_in(self, message: LogMessage, acknowledge: Callable[[], None]) -> None:
        """Hold a message back; or acknowledge it at once, being stored or held; or drop it, to be read again."""
        if self.cutter is None:
            self.early.append((message, acknowledge))
            self.held_bytes += message.nbytes
            return
        if message.offset <= self.cutter.last:
            acknowledge()
            return
        if message.offset > self.cutter.last + 1 and not await self._hole_is_real(self.cutter, message.offset):
            return
        self.cutter.add(message)
        self.acknowledge[message.offset] = acknowledge
        self.held_bytes += message.nbytes

    def let_go(self, offset: int) -> None:
        """Acknowledge what is held up to `offset`: it is stored."""
        if self.cutter is not None:
            for message in self.cutter.stored_to(offset):
                self.held_bytes -= message.nbytes
                self.acknowledge.pop(message.offset)()

    async def _hole_is_real(self, cutter: PartitionCutter, offset: int) -> bool:
        """Decide about missing offsets: the log lost them, or it never had them, or they must be read again."""
        expected = cutter.last + 1
        empty = self.reader.empty_before(self.number, offset)
        if empty.first <= expected:  # no message has these offsets
            self._pass_over(cutter, offset, max(offset - expected - empty.marks, 0))
            return True
        first = await self.reader.first_offset(self.number)
        if first > expected:
            self._pass_over(cutter, first, first - expected)
            if offset == first:
                return True
            await self.reader.seek(self.number, first)
            return False
        # Never by the number of times that it was asked: what comes in between need not be what was asked for.
        if time.monotonic() - self._asked_at_s >= _ASK_AGAIN_S:
            self._asked_at_s = time.monotonic()
            await self.reader.seek(self.number, expected)
        return False

    def _pass_over(self, cutter: PartitionCutter, before: int, lost: int) -> None:
        if lost:
            log.error(LOST, partition=self.number, lost=lost, offset_from=cutter.last + 1)
        cutter.lose(before, lost)
