"""The files of a spool: the one that is written, those that wait, and what the disk does not have for sure yet."""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from producers.spool.record import Record
from producers.spool.segment import Segment, Writer, segment_path

SEGMENT_BYTES: Final = 4 * 2**20
_DISK_AGAIN_S: Final = 5.0
_FINE_AFTER_S: Final = 60.0  # a full disk takes a little now and then


class Files:
    """Appends to files of at most `segment_bytes`, or records of `segment_s`; `segments` are all of them, oldest first.

    `trouble` says why the disk takes nothing, and is None once it has for a minute. Not for several threads at once.
    """

    def __init__(
        self,
        directory: Path,
        identity: bytes,
        segments: list[Segment],
        *,
        segment_bytes: int = SEGMENT_BYTES,
        segment_s: float = 3600.0,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self.segments = segments
        self.trouble: str | None = None
        self._directory, self._identity = directory, identity
        self._segment_bytes, self._segment_ms, self._elapsed = segment_bytes, segment_s * 1000, elapsed
        self._writer: Writer | None = None
        self._unsynced: list[int] = []
        self._dirty = self._new = False
        self._again_s = 0.0

    def write(self, one: Record) -> Segment | None:
        """Append a record; return its file, or None when the disk takes nothing. After a failure it rests a while."""
        if self._elapsed() < self._again_s:
            return None
        try:
            writer = self._writer or self._begin(one.number)
            writer.append(one)
        except OSError as error:
            self.failed(error)
            self.end()
            return None
        self._dirty = True
        if self._elapsed() > self._again_s + _FINE_AFTER_S:
            self.trouble = None
        segment = writer.segment
        if segment.size >= self._segment_bytes or one.time_ms - segment.oldest_ms > self._segment_ms:
            self.end()
        return segment

    def _begin(self, first: int) -> Writer:
        self._writer = Writer(Segment(segment_path(self._directory, first), self._identity, first))
        self.segments.append(self._writer.segment)
        self._new = True
        return self._writer

    def end(self) -> None:
        """Go on in a new file: numbers in one follow each other, so that one that is missing was damaged."""
        if self._writer is not None:
            self._unsynced.append(self._writer.fd)
            self._writer = None

    def failed(self, error: OSError) -> None:
        """Note that the disk takes nothing just now."""
        self.trouble = error.strerror or str(error)
        if self._elapsed() >= self._again_s:
            self._again_s = self._elapsed() + _DISK_AGAIN_S

    def is_written(self, segment: Segment) -> bool:
        """Say whether records may still be appended to it."""
        return self._writer is not None and self._writer.segment is segment

    def size(self) -> int:
        """Return the bytes of all files."""
        return sum(segment.size for segment in self.segments)

    def drop(self, segment: Segment) -> None:
        """Take a file out; it is deleted with `Segment.remove`."""
        if self.is_written(segment):
            self.end()
        self.segments.remove(segment)

    def unsynced(self) -> list[int]:
        """Return copies of the descriptors of what the disk may not have yet, for `sync`; the caller holds the lock."""
        if not self._dirty:
            return []
        self._dirty = False
        ended, self._unsynced = self._unsynced, []
        copies = [os.dup(self._writer.fd)] if self._writer is not None else []
        if self._new:
            self._new = False
            with suppress(OSError):
                copies.append(os.open(self._directory, os.O_RDONLY | os.O_CLOEXEC))
        return [*ended, *copies]


def sync(descriptors: list[int]) -> OSError | None:
    """Wait until the disk has these files, and let go of them; return what went wrong."""
    failure = None
    for one in descriptors:
        try:
            os.fsync(one)
        except OSError as error:
            failure = error
        os.close(one)
    return failure
