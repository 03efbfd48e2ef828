"""What the Kafka client fetches, as runs of messages, and what it does not tell: where the log has no message.

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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, Final

import lz4.frame
import structlog
from aiokafka import codec
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record._crecords import default_records
from aiokafka.record.memory_records import MemoryRecords

from schema import encoding, unpacking
from streams.blocks import LogMessage, Stretch, appended
from streams.runs import Run

_REMEMBERED: Final = 100_000
_MESSAGE_BYTES: Final = 200
"""What a message takes beside its value: one without any takes memory too."""
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


def content_type(headers: Mapping[str, bytes | None]) -> str | None:
    """Return what a message's headers say that its value is."""
    value = headers.get(encoding.CONTENT_TYPE_HEADER)
    return _text(value) if value else None


@lru_cache(maxsize=64)
def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


class _Made:
    """Makes messages of the records of a partition. What repeats from one to the next is made once."""

    def __init__(self, partition: int) -> None:
        self._partition = partition
        self._timestamp: int | None = None
        self._appended_ms = 0
        self._headers: Sequence[tuple[str, bytes | None]] = []
        self._content_type: str | None = None

    def of(self, record: Any, offset: int) -> LogMessage:
        """Return the message that a record is."""
        if (timestamp := record.timestamp) != self._timestamp:
            self._timestamp, self._appended_ms = timestamp, appended(timestamp or 0)
        if (headers := record.headers) != self._headers:
            self._headers, self._content_type = headers, content_type(dict(headers))
        return LogMessage(self._partition, offset, self._appended_ms, record.value, self._content_type)


class Fetched(fetcher.PartitionRecords):  # type: ignore[misc]  # aiokafka is untyped
    """Takes a response apart as aiokafka does, but into runs, and passes over what it cannot.

    A run ends with the message that takes it to `run_bytes`; at 0 each message is one. What is beyond it stays packed
    until it is asked for. Transactions are not looked at: Faust reads what is not committed as well.
    """

    _records: Batches
    next_fetch_offset: int

    def __init__(self, *arguments: Any, run_bytes: int = 0) -> None:
        super().__init__(*arguments)
        self._run_bytes = run_bytes

    def _unpack_records(self) -> Iterator[Run]:
        place = (self._tp.topic, self._tp.partition)
        made, records = _Made(self._tp.partition), self._records
        following = self.next_fetch_offset
        expected, marks = EMPTY.begin(place, following)
        messages: list[LogMessage] = []
        nbytes = 0
        while records.has_next():
            try:
                batch = self._next_batch()
                marks += records.take_marks()
                for record in batch:
                    offset = record.offset
                    if offset < following:  # the response begins with the batch that holds what was asked for
                        continue
                    if offset > expected:
                        EMPTY.note(place, Stretch(expected, marks), offset)
                    messages.append(made.of(record, offset))
                    expected, marks = offset + 1, 0
                    following = expected
                    nbytes += len(record.value or b"") + _MESSAGE_BYTES
                    if nbytes >= self._run_bytes:
                        self.next_fetch_offset = following
                        yield Run(messages, nbytes)
                        messages, nbytes = [], 0
            except CorruptRecordException:  # by its checksum: it may be whole when it is fetched again
                raise
            except Exception as error:  # noqa: BLE001  whatever it is, it must not stop the worker for good
                self._pass_over(error, expected)
            following = max(following, records.batch.next_offset)
        self.next_fetch_offset = following
        EMPTY.note_end(place, Stretch(expected, marks + records.take_marks()), following)
        if messages:
            yield Run(messages, nbytes)

    def _next_batch(self) -> Iterable[Any]:
        """Return the records of the next batch: none where it is a mark of a transaction."""
        batch = self._records.next_batch()
        if self._check_crcs and not batch.validate_crc():
            raise CorruptRecordException("its checksum is wrong")
        return () if batch.is_control_batch else batch

    def _pass_over(self, error: Exception, offset: int) -> None:
        if self._records.batch is None:
            raise error
        what = f"{type(error).__name__}: {error}"[:200]
        topic, partition = self._tp
        log.error("skipped an unreadable batch", topic=topic, partition=partition, offset=offset, error=what)


def unpack_lz4(packed: bytes) -> bytes:
    """Unpack what a batch holds, as aiokafka does; where it is one message, in a third of the time.

    Of several frames this library unpacks the first alone. Raises whatever it is that the library raises.
    """
    unpacked, read = lz4.frame.decompress(packed, return_bytes_read=True)
    return bytes(unpacked) if read == len(packed) else bytes(codec.lz4_decode(packed))


def install(run_bytes: int = 0) -> None:
    """Have aiokafka's consumers use it."""
    default_records.lz4_decode = unpack_lz4
    fetcher.MemoryRecords = Batches
    fetcher.PartitionRecords = partial(Fetched, run_bytes=run_bytes)
