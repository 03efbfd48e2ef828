"""What servers and workers count as they go. Prometheus' own library is loaded only where somebody asks."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from typing import Final

CLIENT_WENT_AWAY: Final = 499
"""Stands for the status of a request whose client did not wait for the answer."""
BOUNDS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Durations:
    """Counts durations in seconds by their upper bound, ascending. One thread at a time may add; any may read."""

    def __init__(self, bounds_s: Sequence[float] = BOUNDS_S) -> None:
        self._bounds_s = tuple(bounds_s)
        self._counts = [0] * (len(self._bounds_s) + 1)
        self.sum_s = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        self._counts[bisect_left(self._bounds_s, seconds)] += 1
        self.sum_s += seconds

    def buckets(self) -> list[tuple[str, float]]:
        """Return how many took up to each bound, the last of which is `+Inf`: all of them."""
        found, total = [], 0
        for bound, count in zip((*map(str, self._bounds_s), "+Inf"), tuple(self._counts), strict=True):
            total += count
            found.append((bound, float(total)))
        return found


class Requests:
    """The requests that a server has answered, by their status, and how long each took."""

    def __init__(self) -> None:
        self.answered: Counter[int] = Counter()
        self.durations = Durations()

    def add(self, status: int, seconds: float) -> None:
        """Count one."""
        self.answered[status] += 1
        self.durations.add(seconds)
