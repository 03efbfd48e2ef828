"""One file of the spool: written by appending, read as far as it is whole, deleted once all of it is settled."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from producers.spool import record
from producers.spool.record import Damage, Found, Record

SUFFIX: Final = ".spool"
DAMAGED_SUFFIX: Final = ".damaged"
_MOST_BYTES: Final = 256 * 2**20
"""A file of ours is far smaller: one that is not is no file of ours."""


@dataclass
class Segment:
    """A file and what is known of it: the numbers and samples of its records that are not settled, its newest time.

    `damaged` counts the records in it that cannot be read, those at its end as one.
    """

    path: Path
    identity: bytes
    first: int
    size: int = record.HEADER_BYTES
    last: int = -1
    newest_ms: int = 0
    oldest_ms: int = 0
    pending: int = 0
    samples: int = 0
    damaged: int = 0
    keys: set[bytes] = field(default_factory=set)

    def note(self, one: Record) -> None:
        """Count a record that is in the file and not settled."""
        self.last = one.number
        self.oldest_ms = self.oldest_ms or one.time_ms
        self.newest_ms = max(self.newest_ms, one.time_ms)
        self.pending += 1
        self.samples += one.samples
        self.keys.add(one.key)

    def records(self, start: int = record.HEADER_BYTES) -> Iterator[Record]:
        """Read what is whole from a place on. Raises `OSError`."""
        for item in record.scan(_content(self.path), start):
            if isinstance(item, Found):
                yield item.record

    def remove(self) -> None:
        """Delete the file, or set it aside when some of it could not be read."""
        with suppress(OSError):
            if self.damaged:
                self.path.rename(self.path.with_suffix(DAMAGED_SUFFIX))
            else:
                self.path.unlink()


def segment_path(directory: Path, first: int) -> Path:
    """Return the file whose first record has that number; by name they are in order."""
    return directory / f"{first:020d}{SUFFIX}"


def load(path: Path, low: int) -> Segment:
    """Read a file of an earlier process: what of it has a number from `low` on waits. Raises `OSError`."""
    data = _content(path)
    stem = path.name.removesuffix(SUFFIX)
    segment = Segment(path, record.identity_of(data) or b"", int(stem) if stem.isdecimal() else 0, len(data))
    expected = segment.first
    for item in record.scan(data):
        if isinstance(item, Damage):
            segment.damaged += item.end == len(data) and expected >= low
            continue
        number = item.record.number
        segment.damaged += max(0, number - max(expected, low))
        expected = number + 1
        if number >= low:
            segment.note(item.record)
    return segment


class Writer:
    """Appends to the file of a new segment. Raises `OSError` when the disk takes nothing; the file stays whole."""

    def __init__(self, segment: Segment) -> None:
        self.segment = segment
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self.fd = os.open(segment.path, flags, 0o600)
        try:
            self._write(record.header(segment.identity), 0)
        except OSError:
            self.close()
            with suppress(OSError):
                segment.path.unlink()
            raise

    def append(self, one: Record) -> None:
        """Write a record as a whole."""
        packed = record.pack(one)
        self._write(packed, self.segment.size)
        self.segment.size += len(packed)
        self.segment.note(one)

    def _write(self, data: bytes, size: int) -> None:
        """Write all of it; a part of it would hide what is appended after it, so it is taken back."""
        written = 0
        try:
            while written < len(data):  # after a part, the system says why it did not take the rest
                written += os.write(self.fd, data[written:])
        except OSError:
            os.ftruncate(self.fd, size)
            raise

    def close(self) -> None:
        """Let go of the file."""
        os.close(self.fd)


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_MOST_BYTES)
