"""Files of the kernel's or of an operator's, read within a bound: some have no end."""

import errno
import os
from pathlib import Path
from typing import Final

MOST_BYTES: Final = 4 * 2**20
"""Of a file that an operator writes by hand, a fleet file of many thousand pools among them."""


def read_bytes(path: Path, most_bytes: int = MOST_BYTES) -> bytes:
    """Return what a file holds. Raises `OSError`, also for one that is larger than that, or has no end."""
    with path.open("rb") as file:
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))
    return content


def read_text(path: Path, most_bytes: int = MOST_BYTES) -> str:
    """Return a UTF-8 file's text, with plain line ends. Raises as `read_bytes`, and `UnicodeDecodeError`."""
    return read_bytes(path, most_bytes).decode("utf-8").replace("\r\n", "\n")
