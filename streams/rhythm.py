"""When messages are stored: all of one beat of the broker's clock together, and a beat is as long as freshness allows.

What a commit costs is the commit, whatever it holds. So a worker that is quick makes them seldom, and one that takes
long makes them every second: either way the oldest message of a commit is stored within two seconds.
"""

import math
from collections import deque
from dataclasses import dataclass, field
from typing import Final

GRACE_MS: Final = 150
"""So long after its end a beat is taken for over: its last messages are on their way."""
BEATS_MS: Final = (1_000, 1_200, 1_400, 1_600)
WITHIN_MS: Final = 1_900
"""So long after it was appended the oldest message of a commit is stored, where the worker keeps up."""
_ANSWER_AFTER_MS: Final = GRACE_MS - 50
"""So long after a beat the broker answers: its messages are here before it is stored."""
_COMMITS: Final = 16
"""The slowest of so many commits counts."""


@dataclass
class Rhythm:
    """How long a beat is, by what commits took lately. Shared by the event loop and the client's thread."""

    grace_ms: int = GRACE_MS
    beat_ms: int = BEATS_MS[0]
    _took_ms: deque[float] = field(default_factory=lambda: deque(maxlen=_COMMITS))

    def over_before(self, now_ms: int) -> int:
        """Return the begin of the first beat that is not over."""
        return (now_ms - self.grace_ms) // self.beat_ms * self.beat_ms

    def answer_within_ms(self, now_s: float) -> int:
        """Return how long the broker may take to answer what it is asked now: until right after this beat."""
        beat_s, after_s = self.beat_ms / 1000, _ANSWER_AFTER_MS / 1000
        next_s = (math.floor((now_s - after_s) / beat_s) + 1) * beat_s + after_s
        return math.ceil((next_s - now_s) * 1000)

    def took(self, seconds: float) -> None:
        """Note what a commit took, from when its blocks were proposed until they were stored."""
        self._took_ms.append(seconds * 1000 / self.beat_ms)
        slowest = max(self._took_ms)  # of a beat's length: a longer beat has more in it
        fitting = [beat for beat in BEATS_MS if beat * (1 + slowest) + self.grace_ms <= WITHIN_MS]
        self.beat_ms = max(fitting, default=BEATS_MS[0])
