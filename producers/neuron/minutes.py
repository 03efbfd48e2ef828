"""One device's rectangles, of the driver's minutes of power and neuron-monitor's reports of utilization.

A rectangle is a window that the driver closed: from where the window before it ended, 60 seconds at most, to its own
end. Its power is the window's; its utilization the mean of the reports whose periods lie in it, weighted by how much
of it they cover, and unknown when they cover less than half. No window is held back for a report that may follow.

Time without power gets rectangles of utilization alone, cut at whole minutes, and not before it is certain that no
window will ever reach into it: so no minute of power is lost or cut short for what was reported before.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from producers.neuron.report import Usage
from producers.neuron.sysfs import Window
from schema.limits import MAX_AHEAD_MS

MINUTE_MS: Final = 60_000
"""The driver closes a window in each minute of the wall clock; one that lasted longer counts as this long."""
_CERTAIN_AFTER_MS: Final = MINUTE_MS + 1_000
"""A window that was not closed when we looked ends later (its end is cut to whole seconds), and is no longer."""
_UNSEEN_AFTER_MS: Final = 3 * MINUTE_MS
"""How long utilization waits for a power file that cannot be read."""
_LATE_MS: Final = 6_000
"""How long utilization alone waits for the report across its end: no report is printed more seldom by default."""
_WELL_COVERED: Final = 0.5


@dataclass(frozen=True)
class Span:
    """What one report says of the device, and of which time."""

    start_ms: int
    end_ms: int
    usage: Usage


@dataclass(frozen=True)
class Rectangle:
    """The device from `start_ms` to `end_ms`; `window` is a valid one, None where power is unknown.

    What is not a mean over that time is as the last report in it says.
    """

    start_ms: int
    end_ms: int
    window: Window | None
    usage: Usage


class Timeline:
    """What is known of one device and not told yet. Windows that ended until `since_ms` are others' to tell."""

    def __init__(self, since_ms: int) -> None:
        self._since_ms = since_ms
        self._spans: deque[Span] = deque()
        self._told_ms = 0
        self._closed_ms = 0

    def add(self, span: Span) -> None:
        """Take what a report says: after all before it, without overlap."""
        self._spans.append(span)

    def step(self, now_ms: int, window: Window | None, *, absent: bool) -> list[Rectangle]:
        """Look at the power file's window, None when it could not be read; return what can be reported now.

        `absent` says that there is no power file, so that whatever one will show later begins later.
        """
        if self._told_ms > now_ms + MAX_AHEAD_MS:  # the clock was set back, and the worker rejects what was reported
            self._told_ms = self._closed_ms = 0
            self._spans.clear()
        told: list[Rectangle] = []
        if window is not None and 0 < window.end_ms <= now_ms and window.end_ms != self._closed_ms:
            told += self._close(window)
        return [*told, *self._without_power(self._certain_ms(now_ms, window, absent=absent))]

    def rest(self, now_ms: int) -> list[Rectangle]:
        """Return what is left up to now, when there is no later."""
        return list(self._without_power(now_ms))

    def _certain_ms(self, now_ms: int, window: Window | None, *, absent: bool) -> int:
        """Return until when neither a window nor a report is to be expected any more."""
        if absent or (window is not None and window.end_ms == 0):
            wait_ms = _LATE_MS
        else:
            wait_ms = _UNSEEN_AFTER_MS if window is None else _CERTAIN_AFTER_MS
        closed_ms = self._closed_ms if self._closed_ms <= now_ms - _LATE_MS else 0
        return max(closed_ms, (now_ms - wait_ms) // MINUTE_MS * MINUTE_MS)

    def _close(self, window: Window) -> Iterator[Rectangle]:
        before_ms = self._closed_ms if self._closed_ms < window.end_ms else 0
        start_ms = max(window.end_ms - MINUTE_MS, before_ms, self._told_ms)
        self._closed_ms = window.end_ms
        if window.valid and window.end_ms > self._since_ms and start_ms < window.end_ms:
            yield from self._without_power(start_ms)
            yield self._tell(start_ms, window.end_ms, window)

    def _without_power(self, until_ms: int) -> Iterator[Rectangle]:
        """Tell what reports say of the time until then, from where they begin to where they end in each minute."""
        while self._spans and (start_ms := max(self._spans[0].start_ms, self._told_ms)) < until_ms:
            end_ms = min((start_ms // MINUTE_MS + 1) * MINUTE_MS, until_ms)
            last_ms = max(min(span.end_ms, end_ms) for span in self._spans if span.start_ms < end_ms)
            if last_ms <= start_ms:  # of a time that was reported
                self._forget(start_ms)
                continue
            rectangle = self._tell(start_ms, last_ms, None)
            if rectangle.usage.utilization is not None or rectangle.usage.memory_used_bytes is not None:
                yield rectangle

    def _tell(self, start_ms: int, end_ms: int, window: Window | None) -> Rectangle:
        usage = self._usage(start_ms, end_ms)
        self._told_ms = end_ms
        self._forget(end_ms)
        return Rectangle(start_ms, end_ms, window, usage)

    def _forget(self, until_ms: int) -> None:
        while self._spans and self._spans[0].end_ms <= until_ms:
            self._spans.popleft()

    def _usage(self, start_ms: int, end_ms: int) -> Usage:
        busy, flops, last = _Mean(), _Mean(), Usage()
        for span in self._spans:
            overlap_ms = min(end_ms, span.end_ms) - max(start_ms, span.start_ms)
            if overlap_ms > 0:
                busy.add(span.usage.utilization, overlap_ms)
                flops.add(span.usage.flops, overlap_ms)
                last = span.usage
        covered_ms = _WELL_COVERED * (end_ms - start_ms)
        return Usage(busy.over(covered_ms), flops.over(covered_ms), last.memory_used_bytes, last.job)


class _Mean:
    def __init__(self) -> None:
        self._sum = 0.0
        self._weight = 0

    def add(self, value: float | None, weight: int) -> None:
        if value is not None:
            self._sum += value * weight
            self._weight += weight

    def over(self, least: float) -> float | None:
        """Return the mean, None when it rests on less weight than that."""
        return self._sum / self._weight if self._weight and self._weight >= least else None
