"""HTTP sessions: the SET and USE statements that later requests with the same session_id must see."""

import time
from collections.abc import Callable

from local.clickhouse.errors import QUERY_IS_TOO_LARGE, refusal

_SESSIONS_MOST = 1000
_STATEMENTS_MOST = 100
_BYTES_MOST = 16 << 10


class Sessions:
    """Statements by session; only a session that ran such a statement is remembered.

    Each user has a bounded number of sessions, so that nobody's fall out for another's, and each of them is of bounded
    size.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[str, dict[str, tuple[float, tuple[bytes, ...]]]] = {}

    def statements(self, user: str, session_id: str, timeout_s: float) -> tuple[bytes, ...]:
        """Give a session's statements, oldest first, and keep it for another `timeout_s`."""
        known = self._known.get(user, {})
        deadline, kept = known.get(session_id, (0.0, ()))
        if not kept or deadline < self._clock():
            known.pop(session_id, None)
            return ()
        known[session_id] = (self._clock() + timeout_s, kept)
        return kept

    def add(self, user: str, session_id: str, timeout_s: float, statement: bytes) -> None:
        """Remember a statement that succeeded. The oldest fall out when there are too many.

        Raises EngineError for one that is too large to be kept.
        """
        if len(statement) > _BYTES_MOST:
            text = f"A statement that a session keeps may have at most {_BYTES_MOST >> 10} KiB."
            raise refusal(QUERY_IS_TOO_LARGE, "QUERY_IS_TOO_LARGE", text)
        kept = (*self.statements(user, session_id, timeout_s), statement)[-_STATEMENTS_MOST:]
        while sum(map(len, kept)) > _BYTES_MOST:
            kept = kept[1:]
        known = self._known.setdefault(user, {})
        known.pop(session_id, None)
        known[session_id] = (self._clock() + timeout_s, kept)
        while len(known) > _SESSIONS_MOST:
            del known[next(iter(known))]
