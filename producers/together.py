"""Several sources read side by side as one, so that one that hangs or fails costs nothing of the others.

Each source is read in a thread of its own, at its own period. A read that has not ended by the tick's deadline is left
alone: the source is not asked again while it lasts, and what it answers late goes out with the next tick, where it is
as true as ever, for samples carry their own times. One whose last read took longer than the deadline is asked and not
waited for: so a source that hangs again and again delays the others once. What is still late when all is closed is
lost. Every source's failing and recovering is said by its name, once.
"""

import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import structlog

from producers.reader import Answer, Reader
from producers.said import SaidError, reason_of
from producers.source import Batch, Source, SourceDoneError, SourceError, Tick
from schema.said import Reasons

_SHARE_OF_TICK: Final = 0.5
_LONGEST_WAIT_S: Final = 5.0
_ONCE_WAITS_S: Final = 20.0
_PATIENCE_S: Final = 10.0
_CLOSES_WITHIN_S: Final = 2.0
_MOST_NAMED: Final = 4


@dataclass
class Counts:
    """What one source has done so far.

    `late` answers came after their tick's deadline; `skipped` are the times it was due and not asked, because it had
    not answered yet. `read_s` is the time spent in reads that have ended, `last_read_s` in the last one.
    """

    reads: int = 0
    failures: int = 0
    late: int = 0
    skipped: int = 0
    read_s: float = 0.0
    last_read_s: float = 0.0


@dataclass(eq=False)
class _Member:
    name: str
    source: Source
    counts: Counts = field(default_factory=Counts)
    reasons: Reasons = field(default_factory=Reasons)
    asked_s: float | None = None
    """Since when its read is under way."""
    hanging: bool = False
    """Whether the operator was told that it does not answer."""
    done: bool = False

    @property
    def well(self) -> bool:
        return not (self.done or self.hanging or self.reasons.any())

    def state(self) -> str:
        if self.done:
            return "done"
        if self.hanging:
            return "not answering"
        return "failing" if self.reasons.any() else f"{self.counts.last_read_s * 1000:.0f} ms"


class Together:
    """One source made of those in `sources`, by name; `add` brings in more.

    `period_s` is how often it is to be read. A source of a longer period is read when a multiple of that comes due,
    and told that time and that period. `once` has all of them read at the one tick, with a longer deadline, and leaves
    the saying to whoever asks. `wait_s` is the deadline where it is not to be half of each tick's interval. With
    `own_periods` false all are read at each tick. `closes_within_s` is how long their closing may take.
    """

    def __init__(
        self,
        sources: Mapping[str, Source],
        *,
        period_s: float = 1.0,
        once: bool = False,
        wait_s: float | None = None,
        own_periods: bool = True,
        patience_s: float = _PATIENCE_S,
        closes_within_s: float = _CLOSES_WITHIN_S,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self.default_period_s = period_s
        self._once = once
        self.wait_s = _ONCE_WAITS_S if once and wait_s is None else wait_s
        self._own_periods = own_periods
        self._patience_s = patience_s
        self._closes_within_s = closes_within_s
        self._elapsed = elapsed
        self._log = structlog.get_logger()
        self._answers: queue.SimpleQueue[tuple[_Member, Answer]] = queue.SimpleQueue()
        self._readers: dict[_Member, Reader] = {}
        self._changing = threading.Lock()
        self._closed = False
        for name, source in sources.items():
            self.add(name, source)

    def add(self, name: str, source: Source) -> None:
        """Read that one too from the next tick on; may be called from any thread. Closed already: close it."""
        with self._changing:
            if not self._closed:
                member = _Member(name, source)
                reader = Reader(source, lambda answer: self._answers.put((member, answer)), elapsed=self._elapsed)
                self._readers = {**self._readers, member: reader}
                return
        source.close()

    @property
    def counts(self) -> dict[str, Counts]:
        """What each source has done so far."""
        return {member.name: member.counts for member in self._readers}

    def read(self, tick: Tick) -> list[Batch]:
        """Return what the sources answer within the deadline, and what they answered late since the last tick.

        Raises `SourceError` with all that when any of them failed or hangs, `SourceDoneError` when all are done.
        """
        readers = self._readers
        if readers and all(member.done for member in readers):
            raise SourceDoneError
        wait_s = self.wait_s or min(tick.interval_ms / 1000 * _SHARE_OF_TICK, _LONGEST_WAIT_S)
        batches: list[Batch] = []
        failures: list[str] = []
        while (come := self._come()) is not None:  # late, but in time to be asked again
            batches += self._take(*come, failures, late=True)
        asked = {member for member, reader in readers.items() if self._ask(member, reader, tick)}
        waiting = {member for member in asked if member.counts.last_read_s <= wait_s}
        until_s = self._elapsed() + wait_s
        while (come := self._come(until_s - self._elapsed() if waiting else 0.0)) is not None:
            member, answer = come
            batches += self._take(member, answer, failures, late=member not in asked)
            waiting.discard(member)
        failures += [f"{member.name} has not answered in time" for member in readers if self._hangs(member)]
        if failures and self._once:
            raise SourceError("; ".join(failures), batches=batches)
        if failures:
            raise SaidError("; ".join(failures), batches=batches)
        return batches

    def status(self) -> str:
        """Say in a few words how each source is doing, for a status line."""
        members = list(self._readers)
        if len(members) > _MOST_NAMED:
            return f"{sum(member.well for member in members)} of {len(members)} answer"
        return ", ".join(f"{member.name} {member.state()}" for member in members)

    def close(self) -> None:
        """Close all sources, each in a thread of its own: one that hangs is left alone after that time."""
        with self._changing:
            if self._closed:
                return
            self._closed = True
        closing = []
        for member, reader in self._readers.items():
            reader.end()
            thread = threading.Thread(target=self._close, args=(member,), name="closing", daemon=True)
            thread.start()
            closing.append((member, thread))
        until_s = time.monotonic() + self._closes_within_s
        for member, thread in closing:
            thread.join(max(0.0, until_s - time.monotonic()))
            if thread.is_alive():
                self._log.warning(f"{member.name} does not close; abandoning it")
            elif not self._once:
                counts = member.counts
                self._log.info(
                    f"{member.name} stopped", reads=counts.reads, failed=counts.failures, late=counts.late,
                    skipped=counts.skipped, mean_ms=round(counts.read_s * 1000 / max(1, counts.reads), 1),
                )  # fmt: skip

    def _close(self, member: _Member) -> None:
        try:
            member.source.close()
        except Exception as error:  # noqa: BLE001  there is nothing left to save but the closing of the others
            self._log.warning(f"{member.name} does not close", reason=reason_of(error))

    def _come(self, within_s: float = 0.0) -> tuple[_Member, Answer] | None:
        """Return the next answer; None when none comes in that time."""
        try:
            return self._answers.get(timeout=within_s) if within_s > 0 else self._answers.get_nowait()
        except queue.Empty:
            return None

    def _ask(self, member: _Member, reader: Reader, tick: Tick) -> bool:
        """Have it read if it is due; say whether it was asked."""
        own = None if member.done else self._own_tick(member.source, tick)
        if own is None:
            return False
        if member.asked_s is not None:
            member.counts.skipped += 1
            return False
        member.asked_s = self._elapsed()
        reader.ask(own)
        return True

    def _own_tick(self, source: Source, tick: Tick) -> Tick | None:
        """Return the tick of the source's own period that has come due at this one, None when none has.

        Where the tick itself is no multiple of that period, the multiple is the last one before it: such rectangles
        touch as well, and are dated one interval early at most.
        """
        period_ms = round(source.default_period_s * 1000)
        if period_ms <= tick.interval_ms or not self._own_periods:
            return tick
        if self._once:
            return Tick(tick.ts_ms, period_ms)
        due_ms = tick.ts_ms - tick.ts_ms % period_ms
        return Tick(due_ms, period_ms) if due_ms > tick.ts_ms - tick.interval_ms else None

    def _take(self, member: _Member, answer: Answer, failures: list[str], *, late: bool) -> list[Batch]:
        """Count an answer and say what is to be said of it; return its batches."""
        was_hanging, member.hanging, member.asked_s = member.hanging, False, None
        counts, error = member.counts, answer.error
        counts.reads += 1
        counts.late += late
        counts.last_read_s = answer.read_s
        counts.read_s += answer.read_s
        if isinstance(error, SourceDoneError):
            member.done = True
        elif error is not None:
            counts.failures += 1
            reason = reason_of(error)
            failures.append(reason if member.name in reason else f"{member.name}: {reason}")
            if not self._once and not isinstance(error, SaidError) and member.reasons.is_new(reason):
                self._log.warning(f"{member.name} cannot be read; retrying at each of its ticks", reason=reason)
            return list(error.batches) if isinstance(error, SourceError) else []
        if member.reasons.clear() or was_hanging:
            self._log.info(f"{member.name} answers again")
        return list(answer.batches)

    def _hangs(self, member: _Member) -> bool:
        """Whether its answer is overdue by so much that the operator should know; say so once."""
        if member.asked_s is None or self._once:
            return member.asked_s is not None
        waited_s = self._elapsed() - member.asked_s
        if waited_s < max(self._patience_s, member.source.default_period_s):
            return False
        if not member.hanging:
            member.hanging = True
            self._log.warning(f"{member.name} has not answered for {waited_s:.0f} s; continuing without it")
        return True
