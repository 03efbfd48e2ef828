"""HTTP sessions: the SET and USE statements that later requests with the same session_id must see."""

import time
from collections.abc import Callable

_SESSIONS_MOST = 1000
_STATEMENTS_MOST = 100


class Sessions:
    """Statements by session; only a session that ran such a statement is remembered."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[tuple[str, str], tuple[float, tuple[bytes, ...]]] = {}

    def statements(self, user: str, session_id: str, timeout_s: float) -> tuple[bytes, ...]:
        """Give a session's statements, oldest first, and keep it for another `timeout_s`."""
        deadline, kept = self._known.get((user, session_id), (0.0, ()))
        if not kept or deadline < self._clock():
            self._known.pop((user, session_id), None)
            return ()
        self._known[user, session_id] = (self._clock() + timeout_s, kept)
        return kept

    def add(self, user: str, session_id: str, timeout_s: float, statement: bytes) -> None:
        """Remember a statement that succeeded. The oldest fall out when there are too many."""
        kept = (*self.statements(user, session_id, timeout_s), statement)[-_STATEMENTS_MOST:]
        self._known.pop((user, session_id), None)
        self._known[user, session_id] = (self._clock() + timeout_s, kept)
        while len(self._known) > _SESSIONS_MOST:
            del self._known[next(iter(self._known))]
