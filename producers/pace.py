"""How fast another process's output is read: what prints without end must not take a core, and waits in its pipe."""

import time
from collections.abc import Callable
from typing import Final

_BURST_S: Final = 2.0


class Pace:
    """So many bytes and lines a second; what two seconds allow may come at once."""

    def __init__(
        self, bytes_per_s: float, lines_per_s: float, *, elapsed: Callable[[], float] = time.monotonic
    ) -> None:
        self._bytes_per_s = bytes_per_s
        self._lines_per_s = lines_per_s
        self._elapsed = elapsed
        self._due_s = float("-inf")

    def rest_s(self, size: int, lines: int) -> float:
        """Return for how long to read nothing more after so many bytes and lines; 0 at an ordinary pace."""
        now_s = self._elapsed()
        self._due_s = max(self._due_s, now_s) + max(size / self._bytes_per_s, lines / self._lines_per_s)
        return max(0.0, self._due_s - now_s - _BURST_S)
