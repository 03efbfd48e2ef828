"""What the operator is told of failures: one line for each reason, once, and not every second."""

import traceback
from pathlib import Path
from typing import Final

from producers.source import SourceError
from schema.errors import GigawattError

_MOST: Final = 20


class SaidError(SourceError):
    """A failed read of which the source has told the operator itself: it is counted, and not said again."""


class Reasons:
    """The reasons for failing that were said since the last success.

    After twenty of them nothing more is new: a library whose every error names another time or address must not fill
    the disk with them.
    """

    def __init__(self) -> None:
        self._said: set[str] = set()

    def is_new(self, reason: str) -> bool:
        """Say whether that is still to be said; from then on it counts as said."""
        if reason in self._said or len(self._said) >= _MOST:
            return False
        self._said.add(reason)
        return True

    def any(self) -> bool:
        """Say whether anything was said since the last success."""
        return bool(self._said)

    def clear(self) -> bool:
        """Forget them after a success; say whether there were any, so that the end can be said too."""
        had_any = bool(self._said)
        self._said.clear()
        return had_any


def reason_of(error: Exception) -> str:
    """Say in one line what was raised; of what no source declares, which is a defect, also where."""
    if isinstance(error, GigawattError):
        return str(error)
    text = (str(error).splitlines() or ["no message"])[0][:200]
    places = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(places[-1].filename).name}:{places[-1].lineno})" if places else ""
    return f"unexpected {type(error).__name__}: {text}{where}"
