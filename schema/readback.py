"""Reading a topic back: the messages of some offsets, and how many of these offsets are marks of transactions.

Belongs to no group and commits nothing. It reads what the worker reads: what cannot be unpacked is passed over alike.
"""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Self

from aiokafka import codec
from kafka import KafkaConsumer
from kafka.errors import CorruptRecordError, KafkaError
from kafka.record import memory_records
from kafka.structs import TopicPartition

from schema import unpacking
from schema.errors import GigawattError
from schema.kafka_access import OPEN, KafkaAccess
from schema.kafka_client import Login
from schema.kafka_refused import needing
from schema.topics import MAX_MESSAGE_BYTES

_SILENCE_S: Final = 10.0
_POLL_MS: Final = 500
_DECODERS: Final = {2: codec.snappy_decode, 4: codec.zstd_decode}
"""By the codec's number; kafka-python's own need libraries that nothing else needs."""

_noted = threading.local()


class _Batch(memory_records.DefaultRecordBatch):  # type: ignore[misc]  # kafka-python is untyped
    """A batch that ends where it cannot be read, or would fill the memory, as in `streams.fetched`: the rest can."""

    _pos: int
    _buffer: Any
    _decompressed: bool

    @property
    def is_control_batch(self) -> bool:
        control = bool(super().is_control_batch)
        if control and (marks := getattr(_noted, "marks", None)) is not None:
            marks.update(range(self.base_offset, self.next_offset))
        return control

    def _maybe_uncompress(self) -> None:
        decode = _DECODERS.get(self.compression_type)
        if decode is not None and not self._decompressed:
            self._buffer, self._pos = bytearray(decode(bytes(memoryview(self._buffer)[self._pos :]))), 0
            self._decompressed = True
        super()._maybe_uncompress()

    def __iter__(self) -> Self:
        try:
            if not self._decompressed:
                unpacking.check_records(memoryview(self._buffer)[self._pos :], self.compression_type)
            super().__iter__()
        except Exception:  # noqa: BLE001  whatever it is, it would come again each time the log is read
            self._next_record_index, self._pos = self._num_records, len(self._buffer)
        return self

    def __next__(self) -> Any:
        try:
            return super().__next__()
        except CorruptRecordError as error:  # the checksum held
            raise StopIteration from error


memory_records.DefaultRecordBatch = _Batch


@dataclass(frozen=True)
class LogRecord:
    """A message as it lies in the log; `appended_ms` is the broker's clock, in epoch milliseconds."""

    partition: int
    offset: int
    appended_ms: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes]


def read_log(
    bootstrap: str, topic: str, spans: dict[int, tuple[int, int]], access: KafkaAccess = OPEN
) -> Iterator[LogRecord]:
    """Read back a span of each partition: from the first offset up to, not including, the second.

    Of offsets that the topic no longer has, or does not have yet, nothing is read. Raises `GigawattError` when the log
    stops answering, or does not let us in.
    """
    login = Login(access)
    try:
        consumer = KafkaConsumer(
            bootstrap_servers=bootstrap,
            client_id="gigawatt-audit",
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=2 * MAX_MESSAGE_BYTES,
            kafka_client=login.client,
        )
    except KafkaError as error:
        login.close()
        if login.refusal:
            raise GigawattError(f"Kafka at {bootstrap}: {login.refusal}") from error
        raise
    try:
        with needing(access, "Read", f"topic {topic}"):
            yield from _read(consumer, {TopicPartition(topic, number): span for number, span in spans.items()})
    finally:
        consumer.close()


def count_marks(
    bootstrap: str, topic: str, partition: int, first: int, before: int, *, access: KafkaAccess = OPEN
) -> int:
    """Return how many offsets from `first` to before `before` are marks of transactions: they never had a message."""
    _noted.marks = marks = set[int]()
    try:
        for _ in read_log(bootstrap, topic, {partition: (first, before)}, access):
            pass
    finally:
        _noted.marks = None
    return sum(first <= offset < before for offset in marks)


def _read(consumer: KafkaConsumer, spans: dict[TopicPartition, tuple[int, int]]) -> Iterator[LogRecord]:
    starts, ends = consumer.beginning_offsets(list(spans)), consumer.end_offsets(list(spans))
    kept = {tp: (max(first, starts[tp]), min(before, ends[tp])) for tp, (first, before) in spans.items()}
    left = {tp: before for tp, (first, before) in kept.items() if first < before}
    consumer.assign(list(left))
    for tp in left:
        consumer.seek(tp, kept[tp][0])
    places = {tp: kept[tp][0] for tp in left}
    moved_s = time.monotonic()
    while left:
        for tp, records in consumer.poll(_POLL_MS).items():
            for record in records:
                if tp in left and record.offset < left[tp]:
                    yield LogRecord(
                        record.partition,
                        record.offset,
                        record.timestamp,
                        record.key,
                        record.value,
                        dict(record.headers),
                    )
        # By the place and not by messages: at the end of a span there need be none.
        now = {tp: consumer.position(tp) for tp in places}
        if now != places:
            places, moved_s = now, time.monotonic()
        elif time.monotonic() - moved_s > _SILENCE_S:
            numbers = sorted(tp.partition for tp in left)
            raise GigawattError(f"the topic stopped answering before partitions {numbers} were read")
        for tp in [tp for tp, before in left.items() if places[tp] >= before]:
            del left[tp], places[tp]
            consumer.pause(tp)
