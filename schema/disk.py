"""A full disk, in whatever words it is reported: by the system, by ClickHouse, or by Kafka."""

import re
import shutil
from pathlib import Path
from typing import Final

LOW_BYTES: Final = 2 * 10**9
"""A disk with less is about to be full."""
FULL: Final = "the disk is full: free some space"
_WORDS: Final = re.compile(r"No space left on device|Disk quota exceeded|NOT_ENOUGH_SPACE|\bENOSPC\b", re.IGNORECASE)


def is_full(text: str) -> bool:
    """Say whether an error's text reports a disk that is full."""
    return _WORDS.search(text) is not None


def free_bytes(path: Path) -> int | None:
    """Return how much is free where a path lies, or will; None where that is not to be known."""
    while not path.exists() and path != path.parent:
        path = path.parent
    try:
        return shutil.disk_usage(path).free
    except OSError:
        return None
