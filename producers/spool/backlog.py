"""What is to be sent next, in the order of numbers: from memory where it is new, else from the files."""

from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from producers.spool import record as records
from producers.spool.mark import Mark
from producers.spool.record import Record
from producers.spool.segment import Segment

FRESH_BYTES: Final = 2**20
"""So much of what is on disk is kept in memory, too; what waits longer is read again."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A record and the file that it is in, where its file goes on after it; no file: it is in memory alone."""

    record: Record
    segment: Segment | None
    end: int = 0

    def identity(self, mark: Mark) -> str:
        """Return what a message's header calls its spool: what its file does, which may be older than the mark."""
        return (self.segment.identity.hex() if self.segment is not None else "") or mark.identity


class Backlog:
    """The records that were not taken yet, over the files in `segments`, oldest first."""

    def __init__(self, segments: list[Segment]) -> None:
        self._segments = segments
        self._fresh: deque[Entry] = deque()
        self._fresh_bytes = 0
        self._behind = True  # files may hold what `_fresh` does not
        self._reading: Segment | None = None
        self._read_to = 0
        self._read: deque[Record] = deque()

    def add(self, entry: Entry) -> None:
        """Put a new record behind all others."""
        self._fresh.append(entry)
        if entry.segment is not None:
            self._fresh_bytes += len(entry.record.body)
            while self._fresh_bytes > FRESH_BYTES:
                oldest = next(place for place, one in enumerate(self._fresh) if one.segment is not None)
                self._fresh_bytes -= len(self._fresh[oldest].record.body)
                del self._fresh[oldest]
                self._behind = True

    def rewind(self, entries: list[Entry]) -> None:
        """Begin anew with the oldest file; `entries` were taken, are in memory alone, and come again."""
        self._fresh = deque([*entries, *(one for one in self._fresh if one.segment is None)])
        self._fresh_bytes = 0
        self._behind = True
        self._reading, self._read_to = None, 0
        self._read.clear()

    def next(self) -> Entry | None:
        """Take the record of the lowest number; None when there is none."""
        oldest = self._fresh[0] if self._fresh else None
        if self._behind:
            read = self._peek()
            if read is not None and (oldest is None or read.number < oldest.record.number):
                self._read.popleft()
                return Entry(read, self._reading)
            self._behind = read is not None and not (oldest and read.number == oldest.record.number)
        if oldest is None:
            return None
        self._fresh.popleft()
        if oldest.segment is not None:
            self._fresh_bytes -= len(oldest.record.body)
            self._reading, self._read_to = oldest.segment, oldest.end
            self._read.clear()
        return oldest

    def forget(self, segment: Segment) -> None:
        """Take nothing more from a file that is dropped."""
        for one in [one for one in self._fresh if one.segment is segment]:
            self._fresh.remove(one)
            self._fresh_bytes -= len(one.record.body)
        if self._reading is segment:
            later = [one for one in self._segments if one.first > segment.first]
            self._reading, self._read_to = (later[0], records.HEADER_BYTES) if later else (None, 0)
            self._read.clear()

    def _peek(self) -> Record | None:
        """Return the next record of the files."""
        while not self._read:
            segment = self._reading
            if segment is None or self._read_to >= segment.size:
                later = [one for one in self._segments if segment is None or one.first > segment.first]
                if not later:
                    return None
                self._reading, self._read_to = later[0], records.HEADER_BYTES
                continue
            with suppress(OSError):  # what is passed over is counted when the file is let go
                self._read.extend(segment.records(self._read_to))
            self._read_to = segment.size
        return self._read[0]
