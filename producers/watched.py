"""Whether a producer lives and does its work, by what it left of itself here; asked by other threads."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from producers.sampler import Outcome, Sampler
from producers.sink import Sink

SILENT_S: Final = 30.0
"""Where samples wait and the broker has acknowledged none for so long, it is away; and a loop turns more often."""


@dataclass
class Watched:
    """What a producer is doing: `sampler` and `sink` are there once it reads. `turned` is called as its loop turns."""

    source: str
    waiting_for: str = "the producer is starting"
    sampler: Sampler | None = None
    sink: Sink | None = None
    clock: Callable[[], float] = time.monotonic
    _turned_s: float = 0.0
    _heard_s: float = 0.0
    _delivered: int = 0

    def begin(self, sampler: Sampler, sink: Sink) -> None:
        """Note that it reads from now on."""
        self._turned_s = self._heard_s = self.clock()
        self.sampler, self.sink, self.waiting_for = sampler, sink, ""

    def turned(self) -> None:
        """Note that the loop turned, and whether anything was delivered meanwhile."""
        self._turned_s = self.clock()
        if self.sink is None:
            return
        delivered = self.sink.sent.messages
        if delivered != self._delivered or not self.sink.waiting_bytes():
            self._delivered, self._heard_s = delivered, self._turned_s

    def broker_is_away(self) -> bool:
        """Say whether samples wait of which none was acknowledged for long."""
        waits = self.sink is not None and self.sink.waiting_bytes() > 0
        return waits and self.clock() - self._heard_s > SILENT_S

    def alive(self) -> str:
        """Say why the loop does not turn; "" where it does, or has yet to begin."""
        if self.sampler is None:
            return ""
        # Between two ticks it sleeps.
        silent_s, most_s = self.clock() - self._turned_s, 2 * self.sampler.period_s + SILENT_S
        return f"the loop has been blocked for {silent_s:.0f} s" if silent_s > most_s else ""

    def ready(self) -> str:
        """Say why no samples are read or delivered; "" where they are."""
        if self.sampler is None:
            return f"waiting: {self.waiting_for}"
        counts = self.sampler.counts
        if counts.last_outcome is None:
            return "no read has finished yet"
        if counts.last_outcome is Outcome.FAILED:
            return f"the last read failed: {counts.failure}"
        if self.sampler.reads_for_s() > self.sampler.period_s + SILENT_S:
            return f"a read has been running for {self.sampler.reads_for_s():.0f} s"
        if self.broker_is_away():
            return f"the broker has acknowledged nothing for {self.clock() - self._heard_s:.0f} s: samples wait"
        return ""
