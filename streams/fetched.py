"""What the Kafka client fetches, told more of than it tells: where the log has no message, and what cannot be read.

Offsets without a message are usual: marks of transactions take some, and compaction leaves some. The client passes over
them in silence, and also loses messages on the way now and then, which looks the same from outside. Only where a
response is taken apart is it known which of the two it was.

A record that the client cannot take apart (a header whose name is no UTF-8, a body that does not unpack) is one that
anybody can write. The client raises, and would do so again at every start; so its batch, which is of one producer, is
passed over like a mark. The same goes for a batch that would fill the memory when it is unpacked (`schema.unpacking`).
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

_REMEMBERED: Final = 100_000
_LENGTH_AT: Final = 8

log = structlog.get_logger()

_Place = tuple[str, int]


class EmptyStretches:
    """Where the log has no message; written by the client's thread, read by others."""

    def __init__(self, most: int = _REMEMBERED) -> None:
        self._most = most
        self._before: OrderedDict[tuple[_Place, int], int] = OrderedDict()
        self._ends: dict[_Place, tuple[int, int]] = {}

    def note(self, place: _Place, first: int, before: int) -> None:
        """Note that no message has an offset from `first` to before `before`."""
        self._before[place, before] = first
        while len(self._before) > self._most:
            self._before.popitem(last=False)

    def note_end(self, place: _Place, first: int, before: int) -> None:
        """Note the same of the end of a response: the next one goes on at `before`."""
        self._ends[place] = (first, before)

    def begin(self, place: _Place, offset: int) -> int:
        """Return where the empty stretch begins that a response from `offset` on goes on with; `offset` if none."""
        first, before = self._ends.get(place, (offset, offset))
        return first if before == offset else offset

    def first_before(self, topic: str, partition: int, offset: int) -> int:
        """Return the first of the offsets right before `offset` that have no message; `offset` where none is known."""
        return self._before.get(((topic, partition), offset), offset)


EMPTY: Final = EmptyStretches()
"""Of this process, which has one consumer."""


class Batches:
    """The batches of a response, and the one at hand, which is there even where it must not be unpacked."""

    def __init__(self, response: bytes) -> None:
        self._response = memoryview(response)
        self._records = MemoryRecords(response)
        self._at = 0
        self.batch: Any = None

    def has_next(self) -> bool:
        """Say whether there is another batch that is whole."""
        return bool(self._records.has_next())

    def size_in_bytes(self) -> int:
        """Return the size of the response."""
        return int(self._records.size_in_bytes())

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
        return self.batch


class Fetched(fetcher.PartitionRecords):  # type: ignore[misc]  # aiokafka is untyped
    """Takes a response apart as aiokafka does, and passes over what it cannot."""

    _records: Batches
    next_fetch_offset: int

    def _unpack_records(self) -> Iterator[Any]:
        place = (self._tp.topic, self._tp.partition)
        expected = EMPTY.begin(place, self.next_fetch_offset)
        while True:
            try:
                for record in super()._unpack_records():
                    if record.offset > expected:
                        EMPTY.note(place, expected, record.offset)
                    expected = record.offset + 1
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
        EMPTY.note_end(place, expected, self.next_fetch_offset)


def install() -> None:
    """Have aiokafka's consumers use it."""
    fetcher.MemoryRecords = Batches
    fetcher.PartitionRecords = Fetched
