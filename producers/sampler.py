"""Read one source at a fixed rate, and say how each read went.

Ticks are the wall clock's multiples of the period, so they never drift and all hosts tick together. A read
that takes longer than a period skips the ticks that passed meanwhile; they are counted, never made up.
"""

import queue
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import structlog

from producers.odd import without_odd
from producers.reader import Answer, Reader
from producers.refused import refused_rows, without_refused
from producers.said import SaidError
from producers.source import Batch, Source, SourceDoneError, SourceError, Tick
from producers.stack import Stack, stacked
from schema.said import Reasons

_SLOW_AFTER_S: Final = 10.0
_ABANDON_AFTER_S: Final = 1.0
_CLOCK_SET_BACK_S: Final = 5.0
_GLANCE_S: Final = 0.1


class Outcome(StrEnum):
    """How a read ended: with samples, with nothing to report, or not at all."""

    OK = "ok"
    NOTHING = "nothing"
    FAILED = "failed"


@dataclass
class Counts:
    """What a sampler has done so far; `read_s` is the time spent in reads, `last_read_s` in the last one.

    `samples` were published; `rejected` were not, for the worker would reject them for their labels. `left_out` counts
    by field the values that were out of their range.
    """

    reads: dict[Outcome, int] = field(default_factory=lambda: dict.fromkeys(Outcome, 0))
    missed_ticks: int = 0
    samples: int = 0
    rejected: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    read_s: float = 0.0
    last_read_s: float = 0.0
    last_outcome: Outcome | None = None
    failure: str = ""
    """Why the last read failed."""
    last_success_s: float | None = None
    """When a read last did not fail, in epoch seconds."""


@dataclass(frozen=True)
class Clock:
    """The time of day and a stopwatch, both in seconds."""

    now: Callable[[], float] = time.time
    elapsed: Callable[[], float] = time.perf_counter


class Sampler:
    """Reads `source` every `period_s` and hands the batches to `publish`, until `stop` is set.

    Reads run in a thread of their own, so that one that hangs blocks neither the shutdown nor the
    reports. `sleep` waits for that many seconds, or less when there is something to stop for. `watch` is
    called after every read and now and then while one takes long.
    """

    def __init__(
        self,
        source: Source,
        publish: Callable[[Batch | Stack], None],
        *,
        period_s: float,
        stop: threading.Event,
        clock: Clock = Clock(),
        sleep: Callable[[float], object] | None = None,
        watch: Callable[[], None] = lambda: None,
    ) -> None:
        self.counts = Counts()
        self._source = source
        self._publish = publish
        self.period_s = period_s
        self._reading_since_s: float | None = None
        self._stop = stop
        self._clock = clock
        self._sleep = sleep or stop.wait
        self._watch = watch
        self._log = structlog.get_logger()
        self._reasons = Reasons()
        self._refused = Reasons()
        self._left_out = Reasons()
        self._answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()

    def reads_for_s(self) -> float:
        """Return for how long the read under way lasts; 0 between reads."""
        since_s = self._reading_since_s
        return 0.0 if since_s is None else self._clock.elapsed() - since_s

    def run(self, *, once: bool = False) -> None:
        """Sample until it is stopped, until the source is done, or `once`.

        `once` reads without waiting for a tick; a source with a period of 0 is then read until it is done.
        What the source raises besides `SourceDoneError` is raised here, `SourceError` only when `once`.
        """
        reader = Reader(self._source, self._answers.put)
        try:
            self._run(reader, once=once)
        except SourceDoneError:
            pass
        finally:
            reader.end()

    def _run(self, reader: Reader, *, once: bool) -> None:
        number = self._number(self._clock.now())
        while not self._stop.is_set():
            if self.period_s > 0 and not once:
                number = self._wait_after(number)
                if self._stop.is_set():
                    return
            self._read(reader, self._tick(number, once=once), once=once)
            if once and self.period_s > 0:
                return

    def _number(self, now_s: float) -> int:
        return int(now_s / self.period_s) if self.period_s > 0 else 0

    def _tick(self, number: int, *, once: bool) -> Tick:
        if once or self.period_s == 0:
            return Tick(int(self._clock.now() * 1000), max(1, round(self.period_s * 1000)))
        ts_ms = round(number * self.period_s * 1000)
        # From the scheduled times, so that the rectangles of a period of 1/3 s touch too.
        return Tick(ts_ms, max(1, ts_ms - round((number - 1) * self.period_s * 1000)))

    def _wait_after(self, number: int) -> int:
        """Wait for the next tick after that number; count those that have passed already."""
        now_s = self._clock.now()
        due = max(self._number(now_s), number) + 1
        if (number - now_s / self.period_s) * self.period_s > _CLOCK_SET_BACK_S:
            self._log.warning("the clock was set back; continuing from the new time")
            due = self._number(now_s) + 1
        elif due > number + 1 and self.counts.last_outcome is not None:
            self.counts.missed_ticks += due - number - 1
        while (left_s := due * self.period_s - self._clock.now()) > 0 and not self._stop.is_set():
            self._sleep(min(left_s, self.period_s))
        return due

    def _read(self, reader: Reader, tick: Tick, *, once: bool) -> None:
        began_s = self._reading_since_s = self._clock.elapsed()
        reader.ask(tick)
        answer = self._answer()
        self._reading_since_s = None
        counts = self.counts
        counts.last_read_s = self._clock.elapsed() - began_s
        counts.read_s += counts.last_read_s
        if answer is None:
            return  # abandoned: told to stop while it hung
        failure = answer.error
        if failure is not None and not isinstance(failure, SourceError):
            raise failure
        if not once:
            self._tell(failure)
        batches = failure.batches if failure else answer.batches
        outcome = Outcome.FAILED if failure else Outcome.OK if batches else Outcome.NOTHING
        counts.reads[outcome] += 1
        counts.last_outcome = outcome
        counts.failure = str(failure or "")
        if failure is None:
            counts.last_success_s = self._clock.now()
        for part in stacked(batches):
            self._pass_on(part)
        self._watch()
        if once and failure:
            raise failure

    def _pass_on(self, part: Batch | Stack) -> None:
        """Publish what the worker will accept; a stack as it is, or message by message where something is wrong."""
        if isinstance(part, Batch):
            self._pass_on_batch(part)
        elif _is_sound(part):
            self.counts.samples += part.samples.num_rows
            self._publish(part)
        else:
            for batch in part:
                self._pass_on_batch(batch)

    def _pass_on_batch(self, batch: Batch) -> None:
        """Publish what the worker will accept of a batch; say of the rest why not, once for each label and field."""
        kept, lines = without_refused(batch)
        rejected = refused_rows(batch, kept)
        self.counts.rejected += rejected
        for line in lines:
            if self._refused.is_new(line):
                self._log.error("samples are rejected before publishing", reason=line, key=batch.key)
        if kept is not None:
            kept, left_out = without_odd(kept)
            for one in left_out:
                self.counts.left_out[one.field] += one.values
                if self._left_out.is_new(one.field):
                    self._log.warning("values are left out", reason=one.line, key=batch.key)
            self.counts.samples += kept.samples.num_rows
            self._publish(kept)

    def _answer(self) -> Answer | None:
        """Wait for the reader; None when the sampler was stopped and the read would not end."""
        waited_s, waited_since_stop_s = 0.0, 0.0
        while True:
            try:
                return self._answers.get(timeout=_GLANCE_S)
            except queue.Empty:
                waited_s += _GLANCE_S
            if self._stop.is_set():
                waited_since_stop_s += _GLANCE_S
            if waited_since_stop_s >= _ABANDON_AFTER_S:
                self._log.warning("stopping; the running read is abandoned")
                return None
            if waited_s - _GLANCE_S < _SLOW_AFTER_S <= waited_s:
                self._log.warning("a read takes long; still waiting", seconds=_SLOW_AFTER_S)
            self._watch()

    def _tell(self, failure: SourceError | None) -> None:
        """Log each reason for failing once, until reads succeed again: not every second."""
        if failure is None:
            if self._reasons.clear():
                self._log.info("reads succeed again")
        elif not isinstance(failure, SaidError) and self._reasons.is_new(str(failure)):
            self._log.warning("read failed; retrying at each tick", reason=str(failure))


def _is_sound(stack: Stack) -> bool:
    """Say whether the worker will accept all of a stack, and no value is to be left out."""
    whole = Batch(stack.keys[0], stack.samples)
    return not without_refused(whole)[1] and not without_odd(whole)[1]
