"""What the Kafka client fetches, told more of than it tells: where the log has no message, and what cannot be read.

Offsets without a message are usual: marks of transactions take some. The client passes over them in silence, and over
those whose messages are lost because the topic was compacted. It also loses messages on the way now and then, which
looks the same from outside. Only where a response is taken apart is it known which of the three it was.

A record that the client cannot take apart (a header whose name is no UTF-8, a body that does not unpack) is one that
anybody can write. The client raises, and would do so again at every start; so its batch, which is of one producer, is
passed over, and counted as lost. The same goes for a batch that would fill the memory when it is unpacked
(`schema.unpacking`).
"""

import struct
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, Final

import structlog
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.memory_records import MemoryRecords

from schema import unpacking
from streams.blocks import Stretch

_REMEMBERED: Final = 100_000
_LENGTH_AT: Final = 8

log = structlog.get_logger()

_Place = tuple[str, int]


class EmptyStretches:
    """Where the log has no message; written by the client's thread, read by others."""

    def __init__(self, most: int = _REMEMBERED) -> None:
        self._most = most
        self._before: OrderedDict[tuple[_Place, int], Stretch] = OrderedDict()
        self._ends: dict[_Place, tuple[Stretch, int]] = {}

    def note(self, place: _Place, stretch: Stretch, before: int) -> None:
        """Note that no message has an offset of `stretch`, which ends before `before`."""
        self._before[place, before] = stretch
        while len(self._before) > self._most:
            self._before.popitem(last=False)

    def note_end(self, place: _Place, stretch: Stretch, before: int) -> None:
        """Note the same of the end of a response: the next one goes on at `before`."""
        self._ends[place] = (stretch, before)

    def begin(self, place: _Place, offset: int) -> Stretch:
        """Return the empty stretch that a response from `offset` on goes on with; one of no offset if there is none."""
        stretch, before = self._ends.get(place, (Stretch(offset), offset))
        return stretch if before == offset else Stretch(offset)

    def before(self, topic: str, partition: int, offset: int) -> Stretch:
        """Return the offsets right before `offset` that have no message; from `offset` on where none is known."""
        return self._before.get(((topic, partition), offset), Stretch(offset))


EMPTY: Final = EmptyStretches()
"""Of this process, which has one consumer."""


class Batches:
    """The batches of a response, and the one at hand, which is there even where it must not be unpacked."""

    def __init__(self, response: bytes) -> None:
        self._response = memoryview(response)
        self._records = MemoryRecords(response)
        self._at = 0
        self._marks = 0
        self.batch: Any = None

    def has_next(self) -> bool:
        """Say whether there is another batch that is whole."""
        return bool(self._records.has_next())

    def size_in_bytes(self) -> int:
        """Return the size of the response."""
        return int(self._records.size_in_bytes())

    def take_marks(self) -> int:
        """Return how many offsets of transaction marks were met since this was asked last."""
        marks, self._marks = self._marks, 0
        return marks

    def next_batch(self) -> Any:
        """Return the next batch; raise where it must not be unpacked."""
        self.batch = self._records.next_batch()
        begin = self._at
        (length,) = struct.unpack_from(">i", self._response, begin + _LENGTH_AT)
        self._at += _LENGTH_AT + 4 + length
        try:
            unpacking.check_batch(self._response[begin : self._at])
        except Exception as error:
            if not self.batch.validate_crc():  # it may be another when it is fetched again
                raise CorruptRecordException("its checksum is wrong") from error
            raise
        if self.batch.is_control_batch:
            self._marks += self.batch.next_offset - self.batch.base_offset
        return self.batch


class Fetched(fetcher.PartitionRecords):  # type: ignore[misc]  # aiokafka is untyped
    """Takes a response apart as aiokafka does, and passes over what it cannot."""

    _records: Batches
    next_fetch_offset: int

    def _unpack_records(self) -> Iterator[Any]:
        place = (self._tp.topic, self._tp.partition)
        expected, marks = EMPTY.begin(place, self.next_fetch_offset)
        while True:
            try:
                for record in super()._unpack_records():
                    marks += self._records.take_marks()
                    if record.offset > expected:
                        EMPTY.note(place, Stretch(expected, marks), record.offset)
                    expected, marks = record.offset + 1, 0
                    yield record
            except CorruptRecordException:  # by its checksum: it may be whole when it is fetched again
                raise
            except Exception as error:  # whatever it is, it must not stop the worker for good
                batch = self._records.batch
                if batch is None:
                    raise
                self.next_fetch_offset = batch.next_offset
                what = f"{type(error).__name__}: {error}"[:200]
                log.error(  # noqa: TRY400  its place is what matters, not ours
                    "passed over what cannot be read", topic=place[0], partition=place[1], offset=expected, error=what
                )
            else:
                break
        marks += self._records.take_marks()
        EMPTY.note_end(place, Stretch(expected, marks), self.next_fetch_offset)


def install() -> None:
    """Have aiokafka's consumers use it."""
    fetcher.MemoryRecords = Batches
    fetcher.PartitionRecords = Fetched
