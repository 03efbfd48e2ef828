"""The last resort against what the engine cannot stop: the process ends, and its supervisor starts it again.

Some functions look at no limit, and no KILL stops them, until they are done, which may take minutes; others take memory
that nothing counts. What was answered for is on the disk, however the process ends.
"""

import os
import resource
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from schema.errors import EXIT_START_AGAIN
from schema.terminal import say

LATE_S = 15.0
"""So long a statement may run on after its limit or its cancellation."""
_LOOK_EVERY_S = 0.5
_MARGIN_BYTES = 1_500_000_000  # code, the event loop, and the bodies of requests, of which the engine knows nothing
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Resident:
    """Gives the bytes that are resident in this process now; where there is no /proc, the most so far.

    Make it before the process is confined: /proc is closed to it then, but for what is open.
    """

    def __init__(self) -> None:
        self._statm: int | None = None
        if sys.platform.startswith("linux"):
            with suppress(OSError):
                self._statm = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)

    def __call__(self) -> int:
        """Look now."""
        if self._statm is not None:
            return int(os.pread(self._statm, 200, 0).split()[1]) * _PAGE_BYTES
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


@dataclass(eq=False)
class _Call:
    """A call into the engine; `due_s` is when it should have ended, by the watchdog's clock."""

    sql: bytes
    due_s: float
    why: str


class Watchdog:
    """Ends the process for a call into the engine that outlasts its limit, for too much memory, and at a late stop.

    `memory_bytes` is the engine's own bound, `resident` what the process takes. Thread-safe.
    """

    def __init__(
        self,
        memory_bytes: int,
        *,
        resident: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
        end: Callable[[int], object] = os._exit,
    ) -> None:
        self._most_bytes = memory_bytes + _MARGIN_BYTES
        self._clock, self.resident, self._end = clock, resident, end
        self._lock = threading.Lock()
        self._calls: set[_Call] = set()
        self._stop_by_s: float | None = None

    def start(self) -> None:
        """Look from now on, in a thread of its own: the event loop may be what waits."""
        threading.Thread(target=self._keep_looking, name="watchdog", daemon=True).start()

    @contextmanager
    def watching(self, sql: bytes, most_s: float | None) -> Iterator[None]:
        """Watch one call into the engine, which may take so long; None for one that may take any time."""
        if most_s is None:
            yield
            return
        call = _Call(sql, self._clock() + most_s + LATE_S, f"after its {most_s:g} s")
        with self._lock:
            self._calls.add(call)
        try:
            yield
        finally:
            with self._lock:
                self._calls.discard(call)

    def cancelled(self, ending: str) -> None:
        """Note that the calls whose statement has this ending were asked to stop; the first time counts."""
        due_s = self._clock() + LATE_S
        with self._lock:
            for call in self._calls:
                if call.sql.endswith(ending.encode()) and due_s < call.due_s:
                    call.due_s, call.why = due_s, "after it was cancelled"

    def stop_within(self, seconds: float) -> None:
        """Note that the process is stopping, and has so long for a clean end."""
        self._stop_by_s = self._clock() + seconds

    def look(self) -> None:
        """End the process if it is time."""
        now_s = self._clock()
        if self._stop_by_s is not None and now_s >= self._stop_by_s:
            self._end(0)  # as after a clean end, whose work is done but for what cannot be stopped
        with self._lock:
            late = next((call for call in self._calls if now_s >= call.due_s), None)
        if late is not None:
            head = late.sql[:100].decode("utf-8", "replace")
            self._give_up(f"a query still runs {LATE_S:g} s {late.why}: {head}")
        if (resident := self.resident()) > self._most_bytes:
            most = self._most_bytes / 1e9
            self._give_up(f"the process uses {resident / 1e9:.1f} GB of memory, the limit is {most:.1f} GB")

    def _give_up(self, why: str) -> None:
        say(f"clickhouse exits: {why}", err=True)
        self._end(EXIT_START_AGAIN)

    def _keep_looking(self) -> None:
        while True:
            time.sleep(_LOOK_EVERY_S)
            self.look()
