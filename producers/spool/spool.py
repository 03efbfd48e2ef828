"""The state of a spool: what waits, what was handed to the Kafka client, what is settled, and what is dropped for room.

`append` is called by the sampler; `take`, `settle` and the rest by the thread that sends and by the client's own. A
message is first written to its file and then handed over, and that it is handed over is in the mark before it is: so
whatever kills the process, the next one knows what may have arrived. One thread more waits for the disk, once a second.
"""

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from producers.sink import Sent
from producers.spool import opening
from producers.spool.backlog import Backlog, Entry
from producers.spool.bounds import DEFAULT_BOUNDS, Bounds
from producers.spool.files import SEGMENT_BYTES, Files, sync
from producers.spool.flight import NOWHERE, Flight, Place
from producers.spool.record import Record
from producers.spool.terms import DAMAGED, FULL, MEMORY, OLD, STOPPED, UNKNOWN, Doubt

WINDOW_BYTES: Final = 2**20
"""So much is handed to the Kafka client at once, or one message."""
_SEGMENTS: Final = 16  # of a full spool: what is dropped at once is a sixteenth
_SYNC_S: Final = 1.0


class Spool:
    """A directory of messages that wait. Raises `GigawattError` when another process has it, or it cannot be used."""

    def __init__(
        self,
        directory: Path,
        bounds: Bounds = DEFAULT_BOUNDS,
        *,
        now: Callable[[], float] = time.time,
        boot: str | None = None,
    ) -> None:
        found = opening.read(directory, boot)
        self._lock_fd = found.lock_fd
        self.sent = Sent()
        self.sent.damaged = found.damaged
        self.mark = found.mark
        self.changed = threading.Condition()  # guards all below
        self.losses: Counter[str] = Counter()
        self._bounds, self._now = bounds, now
        self._window_bytes = min(WINDOW_BYTES, bounds.disk_bytes // 4)
        self._mark_file, self._mark_dirty = found.mark_file, True
        self._next = found.next_number
        self.files = Files(
            directory,
            bytes.fromhex(self.mark.identity),
            found.segments,
            segment_bytes=min(SEGMENT_BYTES, bounds.disk_bytes // _SEGMENTS),
            segment_s=bounds.age_s / _SEGMENTS,
        )
        self._backlog = Backlog(found.segments)
        self._memory_bytes = self._memory_samples = 0
        self._flight = Flight(self.mark.low)
        self._verdicts: dict[int, Place | None] = {}
        self._closed = threading.Event()
        self._count_spooled()
        self._write_mark()
        self._keeper = threading.Thread(target=self._keep, name="gigawatt-spool", daemon=True)
        self._keeper.start()

    def append(self, key: bytes, samples: int, value: bytes) -> None:
        """Take a message. It is on disk, or in memory when the disk takes nothing, or dropped and counted."""
        with self.changed:
            record = Record(self._next, int(self._now() * 1000), samples, key, value)
            if not self._make_room(len(value)):
                self._refuse(FULL, samples)
                return
            segment = self.files.write(record)
            if segment is not None:
                self._backlog.add(Entry(record, segment, segment.size))
            elif self._memory_bytes + len(value) > self._bounds.memory_bytes:
                self._refuse(MEMORY, samples)
                return
            else:
                self._memory_bytes += len(value)
                self._memory_samples += samples
                self._backlog.add(Entry(record, None))
            self._next += 1
            self.changed.notify_all()

    def _refuse(self, reason: str, samples: int) -> None:
        self.lose(reason, samples)
        self._write_mark()

    def _make_room(self, size: int) -> bool:
        """Drop the oldest files until there is room, and those too old; never what was handed over and may arrive."""
        oldest_ms = int((self._now() - self._bounds.age_s) * 1000)
        for segment in [one for one in self.files.segments if one.first > self.mark.handed and one.pending]:
            too_old = segment.newest_ms < oldest_ms
            if too_old or self.files.size() + size > self._bounds.disk_bytes:
                self._backlog.forget(segment)
                self.files.drop(segment)
                self.mark.gone = [*self.mark.gone[-_SEGMENTS:], segment.first]
                self.lose(OLD if too_old else FULL, segment.samples)
                self._write_mark()  # first, so that a next process does not count them again
                segment.remove()
        return self.files.size() + size <= self._bounds.disk_bytes

    def waiting_bytes(self) -> int:
        """Return the bytes that wait, on disk and in memory; 0 when nothing does."""
        with self.changed:
            waits = any(segment.pending for segment in self.files.segments)
            return self._memory_bytes + (self.files.size() if waits else 0)

    def rewind(self) -> None:
        """Take back what was handed over and is not settled: a client that failed does not say whether it arrived."""
        with self.changed:
            self._backlog.rewind(self._flight.rewind())

    def in_doubt(self) -> list[Doubt]:
        """Return what may have arrived already; after `rewind`."""
        with self.changed:
            found: list[Doubt] = []
            in_memory: list[Entry] = []
            while (entry := self._backlog.next()) is not None:
                if entry.segment is None:
                    in_memory.append(entry)
                record = entry.record
                if record.number > self.mark.handed:
                    break
                if not self._flight.is_settled(record.number):
                    found.append(Doubt(record.number, entry.identity(self.mark), record.key, record.time_ms))
            self._backlog.rewind(in_memory)
            return found

    def judge(self, verdicts: Mapping[int, Place | None]) -> None:
        """Say of messages in doubt that they arrived, at a partition and offset, or that it cannot be known (None)."""
        with self.changed:
            self._verdicts.update(verdicts)

    def begin(self, log_id: str, partitions: int) -> None:
        """Say which topic, of how many partitions, the next messages go to; only while none is handed over."""
        with self.changed:
            if not self._closed.is_set() and self.mark.goes_to(log_id, partitions, anew=self.idle()):
                self._write_mark()

    def idle(self) -> bool:
        """Say whether nothing is handed over, nor in doubt."""
        return not self._flight and self._flight.low > self.mark.handed

    def take(self, wait_s: float, *, alone: bool = False) -> list[Entry]:
        """Return what is to be handed over next, in order, when there is room for it; wait for it so long at most."""
        with self.changed:
            if not (taken := self._take(alone=alone)) and not self._closed.is_set():
                self.changed.wait(wait_s)
                taken = self._take(alone=alone)
            return taken

    def _take(self, *, alone: bool) -> list[Entry]:
        taken: list[Entry] = []
        if self._closed.is_set():
            return taken
        while not self._flight or (not alone and self._flight.size < self._window_bytes):
            entry = self._backlog.next()
            if entry is None:
                break
            record = entry.record
            self._flight.passed(record.number)
            if self._flight.is_settled(record.number):
                continue
            self._flight.add(entry)
            if record.number not in self._verdicts:
                taken.append(entry)
            elif (place := self._verdicts.pop(record.number)) is not None:
                self._settle(record.number, *place)
            else:
                self._drop(record.number, UNKNOWN)
        if taken and taken[-1].record.number > self.mark.handed:
            self.mark.handed = taken[-1].record.number
            self._write_mark()
        elif not taken:
            self._advance()
        return taken

    def settle(self, number: int, partition: int, offset: int, ahead_ms: int | None = None) -> None:
        """Note that the broker has a message."""
        with self.changed:
            was_full = self._flight.size >= self._window_bytes
            self.mark.ahead_ms = ahead_ms
            self._settle(number, partition, offset)
            if was_full:  # else nobody waits for it, and a thread that is woken costs more than all of this
                self.changed.notify_all()

    def _settle(self, number: int, partition: int, offset: int) -> None:
        record = self._let_go(number, (partition, offset))
        if record is not None:
            self.sent.messages += 1
            self.sent.samples += record.samples
            self.sent.sent_bytes += record.size()

    def drop(self, number: int, reason: str) -> None:
        """Count a message that cannot be sent."""
        with self.changed:
            self._drop(number, reason)
            self.changed.notify_all()

    def _drop(self, number: int, reason: str) -> None:
        record = self._let_go(number, NOWHERE)
        if record is not None:
            self.lose(reason, record.samples)

    def _let_go(self, number: int, place: Place) -> Record | None:
        entry = self._flight.settle(number, place)
        if entry is None or self._closed.is_set():
            return None
        record, segment = entry.record, entry.segment
        if segment is None:
            self._memory_bytes -= len(record.body)
            self._memory_samples -= record.samples
        else:
            segment.pending -= 1
            segment.samples -= record.samples
        self._advance()
        return record

    def _advance(self) -> None:
        """Move the mark to the first that is not settled, and let go of the files before it."""
        after = self._flight.advance()
        if after is None:
            return
        low = self.mark.low = self._flight.low
        self._mark_dirty = True
        self.mark.lies_after(after)
        segments = self.files.segments
        while segments and segments[0].last < low and not self.files.is_written(segments[0]):
            segment = segments.pop(0)
            if segment.pending:  # passed over, for it could not be read
                segment.damaged += segment.pending
                self.sent.damaged += segment.pending
                self.mark.damaged += segment.pending
                self.lose(DAMAGED, segment.samples)
            segment.remove()

    def lose(self, reason: str, samples: int) -> None:
        """Count samples that will not arrive."""
        with self.changed:
            self.sent.lost += samples
            self.sent.dropped[reason] += samples
            self.losses[reason] += samples
            self.mark.dropped[reason] = self.mark.dropped.get(reason, 0) + samples
            self._mark_dirty = True

    def _write_mark(self) -> None:
        try:
            self._mark_file.write(self.mark)
            self._mark_dirty = False
        except OSError as error:
            self.files.failed(error)

    def _keep(self) -> None:
        while not self._closed.wait(_SYNC_S):
            self._sync()

    def _sync(self) -> None:
        with self.changed:
            descriptors = self.files.unsynced()
            if self._mark_dirty:
                self._write_mark()
            self._count_spooled()
        if (failure := sync(descriptors)) is not None:
            with self.changed:
                self.files.failed(failure)

    def _count_spooled(self) -> None:
        self.sent.spooled = sum(segment.samples for segment in self.files.segments)

    def close(self) -> None:
        """Leave what waits on disk to the next process; what is in memory alone is dropped and counted."""
        with self.changed:
            if self._closed.is_set():
                return
            self._closed.set()
            if self._memory_samples:
                self.lose(STOPPED, self._memory_samples)
            self.files.end()
            for segment in [one for one in self.files.segments if not one.pending]:
                self.files.drop(segment)
                segment.remove()
            self.changed.notify_all()
        self._keeper.join()
        self._sync()
        with self.changed, suppress(OSError):
            self._mark_file.sync()
            self.mark.closed = True
            self._mark_file.write(self.mark)
            self._mark_file.sync()
        self._mark_file.close()
        os.close(self._lock_fd)
