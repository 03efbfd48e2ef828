"""What is watched while an attack is under way: the age of the newest samples, and what each process takes."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Final, NamedTuple

from clickhouse_connect.driver.exceptions import ClickHouseError

from bench.processes import Cost, costs
from schema.clickhouse import connect
from schema.errors import GigawattError

EVERY_S: Final = 0.5
_ANSWERS_WITHIN_S: Final = 10.0
# The log keeps the order of each partition: one that stored an attacker's message has stored all before it.
_NEWEST: Final = """
SELECT kafka_partition, max(toFloat64(newest_ts)) FROM ingest_blocks
WHERE stored_at > now() - 600 AND newest_ts IS NOT NULL GROUP BY kafka_partition
"""
OTHERS: Final = "up"
"""The role of `gigawatt up` itself, which serves the page."""


class Look(NamedTuple):
    """One look: when, how old the newest sample of the stalest partition was, and whether the store answered."""

    at_s: float
    age_s: float
    answered: bool


class Watch:
    """Looks twice a second, as the owner does, in threads of its own, until it is closed."""

    def __init__(self, clickhouse: str, pids: list[int]) -> None:
        self.looks: list[Look] = []
        self.costs: list[tuple[float, Mapping[str, Cost]]] = []
        self._clickhouse, self._pids = clickhouse, pids
        self._stop = threading.Event()
        self._newest: dict[int, float] = {}
        self._threads = [threading.Thread(target=look, daemon=True) for look in (self._ages, self._memory)]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def ages(self, since: float, until: float) -> list[float]:
        """Return the ages that were seen between two times of the monotonic clock."""
        return [look.age_s for look in self.looks if since <= look.at_s <= until]

    def unanswered(self, since: float, until: float) -> int:
        """Return how many looks went unanswered between two times."""
        return sum(not look.answered for look in self.looks if since <= look.at_s <= until)

    def memory_mb(self, since: float, until: float) -> dict[str, float]:
        """Return the most memory of each role between two times."""
        most: dict[str, float] = {}
        for at_s, found in self.costs:
            if since <= at_s <= until:
                for role, cost in found.items():
                    most[role] = max(most.get(role, 0.0), cost.memory_mb)
        return most

    def cores(self, since: float, until: float) -> dict[str, float]:
        """Return the CPU time of each role between two times, as a number of cores; below 0 for one that restarted."""
        between = [(at_s, found) for at_s, found in self.costs if since <= at_s <= until]
        if not between:
            return {}
        (first_s, first), (last_s, last) = between[0], between[-1]
        took_s = max(last_s - first_s, EVERY_S)
        return {role: (last[role].cpu_s - first[role].cpu_s) / took_s for role in last}

    def _ages(self) -> None:
        client = None
        while not self._stop.wait(EVERY_S):
            answered = False
            with suppress(ClickHouseError, GigawattError):
                client = client or connect(self._clickhouse, timeout_s=_ANSWERS_WITHIN_S)
                self._newest |= {int(partition): newest for partition, newest in client.query(_NEWEST).result_rows}
                answered = True
            if not answered:
                client = None
            if self._newest:
                self.looks.append(Look(time.monotonic(), time.time() - min(self._newest.values()), answered))

    def _memory(self) -> None:
        while not self._stop.wait(EVERY_S):
            self.costs.append((time.monotonic(), costs(self._pids, others=OTHERS)))


@contextmanager
def watching(clickhouse: str, pids: list[int]) -> Iterator[Watch]:
    """Watch until the block ends."""
    watch = Watch(clickhouse, pids)
    try:
        yield watch
    finally:
        watch.close()
