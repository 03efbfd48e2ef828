"""What the stack needs of the disk that its state lies on, and what the operator sees when that runs out."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from schema.disk import FULL, LOW_BYTES, free_bytes, is_full
from schema.errors import GigawattError

KEPT_FREE_BYTES: Final = 256 * 10**6
"""With less, the engine takes no insert: it needs room to merge, and the broker ends when it has none."""
_NEEDED_BYTES: Final = 2 * KEPT_FREE_BYTES
_LOG_SHARE: Final = 10
_NO_ROOM_BYTES: Final = 16 * 2**20


def require_room(state: Path) -> str:
    """Return a line for the operator where little room is left, else none. Raises `GigawattError` for too little."""
    free = free_bytes(state)
    if free is not None and free < _NEEDED_BYTES:
        raise GigawattError(
            f"{state} has {size(free)} free on its disk, and needs {size(_NEEDED_BYTES)} to start; "
            "free some space, or choose another directory with --state"
        )
    return low(free, state)


def low(free: int | None, state: Path) -> str:
    """Say that little is free, or that it is full; nothing where there is enough."""
    if free is None or free >= LOW_BYTES:
        return ""
    if free < KEPT_FREE_BYTES:
        return f"{FULL}; {size(free)} are left for {state}, and nothing is stored below {size(KEPT_FREE_BYTES)}"
    return f"low disk space: {size(free)} are left for {state}, and nothing is stored below {size(KEPT_FREE_BYTES)}"


def log_bytes(most: int, least: int, free: int | None) -> int:
    """Return how much the samples topic may hold: `most`, unless that is over a tenth of what is free."""
    return most if free is None else max(least, min(most, free // _LOG_SHARE))


def size(count: int) -> str:
    """Write bytes for people."""
    return f"{count / 1e9:,.1f} GB" if count >= 10**9 else f"{count / 1e6:,.0f} MB"


def had_no_room(path: Path, words: Iterable[str]) -> bool:
    """Say whether a process that wrote there ended for a full disk: by its last words, or by what is free.

    Some leave none: the kernel kills who writes to mapped memory and finds no room.
    """
    free = free_bytes(path)
    return (free is not None and free < _NO_ROOM_BYTES) or any(map(is_full, words))
