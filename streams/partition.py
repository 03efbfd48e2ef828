"""One assigned partition: what arrives is held back, skipped when it is stored, asked for when it is missing."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

import structlog

from schema.topics import LOST
from streams.blocks import LogMessage, PartitionCutter, Span, Stretch
from streams.decoded import Refusal
from streams.rhythm import Rhythm
from streams.runs import Run, neighbours

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


class _Unstored(NamedTuple):
    """A run that is not stored to its end, which is at the offset `last`."""

    last: int
    nbytes: int
    acknowledge: Callable[[], None]


@dataclass
class Partition:
    """A partition from its assignment to its revocation.

    `cutter` is there once `begin` was told where; until then runs wait in `early`. `busy` while a commit has a block of
    it. `held_bytes` is the size of all runs that are here: each is let go of as a whole. `elapsed_s` is a clock that
    nobody sets.
    """

    number: int
    reader: Log
    rhythm: Rhythm
    elapsed_s: Callable[[], float] = time.monotonic
    cutter: PartitionCutter | None = None
    busy: bool = False
    early: list[tuple[Run, Callable[[], None]]] = field(default_factory=list)
    held_bytes: int = 0
    _unstored: list[_Unstored] = field(default_factory=list)
    _asked_at_s: float = -math.inf

    async def begin(self, stored: int) -> None:
        """Begin after the offset `stored`, with what has arrived so far."""
        self.cutter = PartitionCutter(self.number, stored, self.rhythm, elapsed_s=self.elapsed_s)
        early, self.early, self.held_bytes = self.early, [], 0
        for run, acknowledge in early:
            await self.take_in(run, acknowledge)

    async def take_in(self, run: Run, acknowledge: Callable[[], None]) -> None:
        """Hold back what of a run is neither stored nor held; it is acknowledged when it is stored to its end.

        What follows on a hole that must be read again is dropped, to be read again as well; such a run is never
        acknowledged.
        """
        if self.cutter is None:
            self.early.append((run, acknowledge))
            self.held_bytes += run.nbytes
            return
        taken = self.cutter.last
        while messages := run.beyond(self.cutter.last):
            if messages[0].offset == self.cutter.last + 1:
                self.cutter.extend(neighbours(messages))
                taken = self.cutter.last
            elif not await self._hole_is_real(self.cutter, messages[0].offset):
                if taken >= run.messages[0].offset:
                    self._keep(_Unstored(taken, run.nbytes, _not_acknowledged))
                return
        self._keep(_Unstored(run.offset, run.nbytes, acknowledge))

    def let_go(self, offset: int) -> None:
        """Acknowledge what is held up to `offset`: it is stored."""
        if self.cutter is not None:
            self.cutter.stored_to(offset)
            unstored, self._unstored, self.held_bytes = self._unstored, [], 0
            for run in unstored:
                self._keep(run)

    def _keep(self, run: _Unstored) -> None:
        """Keep a run in mind until it is stored, and acknowledge it then."""
        if self.cutter is not None and run.last <= self.cutter.stored:
            run.acknowledge()
        else:
            self._unstored.append(run)
            self.held_bytes += run.nbytes

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
        if self.elapsed_s() - self._asked_at_s >= _ASK_AGAIN_S:
            self._asked_at_s = self.elapsed_s()
            await self.reader.seek(self.number, expected)
        return False

    def _pass_over(self, cutter: PartitionCutter, before: int, lost: int) -> None:
        if lost:
            log.error(LOST, partition=self.number, lost=lost, offset_from=cutter.last + 1)
        cutter.lose(before, lost)


def _not_acknowledged() -> None:
    """Acknowledge nothing."""
