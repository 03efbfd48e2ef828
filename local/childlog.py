"""One child's log file: what it prints, of this run and the one before, never more than a bounded size."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

MIB = 1024 * 1024
TAIL_BYTES = 8192
LINE_CHARACTERS = 700


@dataclass(frozen=True)
class ChildLog:
    """The file `path` and, beside it with `.1` at its end, the part before."""

    path: Path
    bytes_max: int = 16 * MIB

    @property
    def older(self) -> Path:
        """Where the earlier part goes."""
        return self.path.with_name(f"{self.path.name}.1")

    def begin(self) -> None:
        """Start an empty file; what is there becomes the earlier part."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.exists():
            self.path.replace(self.older)
        self.path.touch()

    def open(self) -> int:
        """Give a file descriptor for a child's output; appending, so that `keep_bounded` may cut the file."""
        return os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)

    def keep_bounded(self) -> None:
        """Move what is there to the earlier part when it has grown too long; its writer goes on unharmed."""
        if self.path.stat().st_size > self.bytes_max:
            shutil.copyfile(self.path, self.older)
            os.truncate(self.path, 0)

    def tail(self, lines: int) -> list[str]:
        """Give the last lines that are not empty, each cut to a length that fits a message."""
        with self.path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
            text = file.read().decode(errors="replace")
        said = [line.strip()[:LINE_CHARACTERS] for line in text.splitlines() if line.strip()]
        return said[-lines:]
