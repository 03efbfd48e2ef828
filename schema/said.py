"""What the operator sees of failures: one line for each reason, once, and not every second."""

from typing import Final

_MOST: Final = 20


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
