"""Who waits behind whom: each lane has threads of its own, a bounded number of turns, and a bounded queue for them."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from local.clickhouse.errors import TOO_MANY_SIMULTANEOUS_QUERIES, refusal


class Lane:
    """`at_once` turns, each with a thread; `waiting` more wait for up to `patience_s` seconds. For one event loop."""

    def __init__(self, name: str, *, at_once: int, waiting: int, patience_s: float) -> None:
        self.name = name
        self._at_once, self._most_waiting, self._patience_s = at_once, waiting, patience_s
        self._turns = asyncio.Semaphore(at_once)
        self._waiting = 0
        self._running = 0
        self.threads = ThreadPoolExecutor(at_once, thread_name_prefix=f"engine-{name}")

    @property
    def busy(self) -> tuple[int, int]:
        """How many turns are held, and how many are waited for."""
        return self._running, self._waiting

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Hold one turn until the block ends. Raises EngineError (HTTP status 503) when there is none in time."""
        if self._turns.locked() and self._waiting >= self._most_waiting:
            raise self._full(f"{self._waiting} are waiting")
        self._waiting += 1
        try:
            async with asyncio.timeout(self._patience_s):
                await self._turns.acquire()
        except TimeoutError:
            raise self._full(f"none finished within {self._patience_s:g} s") from None
        finally:
            self._waiting -= 1
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1
            self._turns.release()

    def close(self) -> None:
        """Wait for the threads; what still runs should have been cancelled."""
        self.threads.shutdown(wait=True)

    def _full(self, why: str) -> Exception:
        text = f"{self.name}: {self._at_once} statements run at once, and {why}; retry later."
        return refusal(TOO_MANY_SIMULTANEOUS_QUERIES, "TOO_MANY_SIMULTANEOUS_QUERIES", text)
