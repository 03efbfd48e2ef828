"""Whether a worker lives and does its work, by what it left of itself here; asked by other threads.

It stands by where the topic has fewer partitions than there are workers: that is no fault.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from streams.ingest import Ingest

STALLED_S: Final = 30.0
"""Where messages wait and none was stored for so long, nothing is stored any more."""
_TURNS_WITHIN_S: Final = 5.0


@dataclass
class Watched:
    """What a worker is doing. `ends` are the next offsets of the topic's partitions, as the broker last said."""

    waiting_for: str = "the worker is starting"
    loop: asyncio.AbstractEventLoop | None = None
    ingest: Ingest | None = None
    assigned_s: float | None = None
    broker_trouble: str = ""
    ends: Mapping[int, int] = field(default_factory=dict)
    clock: Callable[[], float] = time.time

    async def begin(self) -> None:
        """Note which loop must turn."""
        self.loop = asyncio.get_running_loop()

    def assigned(self, ingest: Ingest) -> None:
        """Note that the group has given this worker its partitions."""
        self.ingest, self.assigned_s = ingest, self.clock()

    def revoked(self) -> None:
        """Note that the group is about to divide the partitions anew."""
        self.assigned_s = None

    def answered(self, ends: Mapping[int, int]) -> None:
        """Note that the broker answers."""
        self.ends, self.broker_trouble = ends, ""

    def lag(self) -> dict[int, int]:
        """Return by partition how many offsets of it are not stored yet."""
        places = self.ingest.places if self.ingest else {}
        ends = dict(self.ends)
        return {number: max(ends.get(number, 0), here + 1) - stored - 1 for number, (stored, here) in places.items()}

    def alive(self) -> str:
        """Say why the event loop does not turn; "" where it does, or has yet to begin."""
        if self.loop is None:
            return ""
        turned = threading.Event()
        try:
            self.loop.call_soon_threadsafe(turned.set)
        except RuntimeError:
            return "the event loop has stopped"
        return "" if turned.wait(_TURNS_WITHIN_S) else f"the event loop has been blocked for {_TURNS_WITHIN_S:g} s"

    def ready(self) -> str:
        """Say why nothing is stored; "" where all that there is to store is."""
        if self.waiting_for:
            return f"waiting: {self.waiting_for}"
        if self.ingest is None or self.assigned_s is None:
            return "no partitions are assigned; joining the group"
        if self.ingest.trouble:
            return f"cannot store: {self.ingest.trouble}"
        if self.broker_trouble:
            return f"the broker does not answer: {self.broker_trouble}"
        waiting = sum(self.lag().values())
        silent_s = self.clock() - max(self.assigned_s, self.ingest.counts.last_commit_s or 0.0)
        if waiting and silent_s > STALLED_S:
            return f"{waiting} messages wait, none was stored for {silent_s:.0f} s"
        return ""
