"""Which rules would fire, for whoever asks the page: the newest evaluation that is done, and its age.

An evaluation waits for the store, which may hang for a minute. Whoever asks meanwhile hears what was known before.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from dashboards.preview import Alert, told

Alerts = Callable[[], Sequence[Alert]]

_WAIT_S: Final = 2.0


class NewestAlerts:
    """Evaluates when it is asked, once at a time; `read` may block, and is called in a thread."""

    def __init__(self, read: Alerts, *, elapsed: Callable[[], float] = time.monotonic) -> None:
        self._read = read
        self._elapsed = elapsed
        self._running: asyncio.Task[None] | None = None
        self._newest: tuple[Sequence[Alert], float] | None = None

    async def answer(self, *, wait_s: float = _WAIT_S) -> dict[str, Any]:
        """Return the alerts, how many are left out, and the seconds since they were known: null where none are yet.

        Waits so long for an evaluation. Raises what one raises that was waited for.
        """
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._evaluate())
        await asyncio.wait([self._running], timeout=wait_s)
        if self._running.done():
            self._running.result()  # what was wrong with it
        alerts, at_s = self._newest or ((), None)
        return told(alerts) | {"age_s": None if at_s is None else round(self._elapsed() - at_s, 1)}

    async def _evaluate(self) -> None:
        alerts = await asyncio.to_thread(self._read)
        self._newest = (alerts, self._elapsed())
