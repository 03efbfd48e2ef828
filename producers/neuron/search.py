"""Files that a driver has moved, looked for below a device's directory: by what they hold, or by their names.

Within bounds of depth and number, the nearest first. Symbolic links are not followed, for a device's directory in /sys
has some that lead out of it, and only regular files are opened.
"""

import os
import stat
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

MOST_ENTRIES: Final = 8_192
"""A device of eight cores has some two thousand files."""
DEEPEST: Final = 8
_MAX_FILE_BYTES: Final = 4096  # of a sysfs attribute, by the kernel


def files_below(directory: Path) -> list[str]:
    """Return the paths of regular files below a directory, from there: the nearest first, then by name."""
    return list(_walk(directory))


def _walk(directory: Path) -> Iterator[str]:
    waiting, seen = deque([("", 1)]), 0
    while waiting:
        below, depth = waiting.popleft()
        try:
            with os.scandir(directory / below) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in found:
            seen += 1
            if seen > MOST_ENTRIES:
                return
            path = f"{below}{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                if depth < DEEPEST:
                    waiting.append((f"{path}/", depth + 1))
            elif entry.is_file(follow_symlinks=False):
                yield path


def nearest(paths: Sequence[str], name: str) -> list[str]:
    """Return the paths that are no deeper than any other; where those are several, those of that name if there are."""
    least = min((path.count("/") for path in paths), default=0)
    close = [path for path in paths if path.count("/") == least]
    return [path for path in close if Path(path).name == name] or close if len(close) > 1 else close


def holding(directory: Path, paths: Sequence[str], is_meant: Callable[[str, str], bool]) -> list[str]:
    """Return the paths of which `is_meant(path, text)` says so; what cannot be read is not meant."""
    return [path for path in paths if (text := _text(directory / path)) is not None and is_meant(path, text)]


def _text(path: Path) -> str | None:
    try:
        # Were it a pipe or a link by now, it would be neither waited for nor followed.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        return os.read(descriptor, _MAX_FILE_BYTES).decode("ascii", "replace")
    except OSError:
        return None
    finally:
        os.close(descriptor)
