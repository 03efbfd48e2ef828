"""Responses of the broker are taken apart whatever is in them, and where they hold nothing is known."""

from collections.abc import Sequence

import crc32c
import pytest
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from aiokafka.structs import TopicPartition
from kafka.record import memory_records
from structlog.testing import capture_logs

import schema.readback  # noqa: F401  which makes it so
from streams import fetched
from streams.blocks import Stretch

_TP = TopicPartition("t", 0)


class _Name(str):
    """A header's name that is written as bytes that are no UTF-8."""

    __slots__ = ()

    def encode(self, *_: str) -> bytes:
        return b"\xff\xfe"


def _mark(offset: int) -> bytes:
    """Return a batch that marks the end of a transaction."""
    batch = bytearray(_batch(offset, [b"mark"]))
    batch[22] |= 0x20
    batch[17:21] = crc32c.crc32c(bytes(batch[21:])).to_bytes(4)
    return bytes(batch)


def _batch(first: int, values: list[bytes], headers: Sequence[tuple[str, bytes]] = (), codec: int = 0) -> bytes:
    builder = _DefaultRecordBatchBuilderPy(
        magic=2, compression_type=codec, is_transactional=False, producer_id=-1, producer_epoch=-1,
        base_sequence=-1, batch_size=2**30,
    )  # fmt: skip
    for delta, value in enumerate(values):
        builder.append(delta, 1, None, value, list(headers))
    return first.to_bytes(8) + bytes(builder.build())[8:]  # which the checksum does not cover


def _read(response: bytes, offset: int) -> tuple[list[int], int]:
    records = fetched.Fetched(_TP, fetched.Batches(response), None, offset, None, None, False, 0)
    return [record.offset for record in records], records.next_fetch_offset


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch):
    monkeypatch.setattr(fetched, "EMPTY", fetched.EmptyStretches())


def test_what_cannot_be_read_is_passed_over_and_what_follows_is_read():
    bad = _batch(12, [b"x"], [(_Name("x"), b"")])
    assert _read(_batch(10, [b"a", b"b"]) + bad + _batch(13, [b"c"]), 10) == ([10, 11, 13], 14)
    assert fetched.EMPTY.before("t", 0, 13) == (12, 0)
    assert fetched.EMPTY.before("t", 0, 11) == (11, 0)


@pytest.mark.parametrize("codec", [1, 2, 3, 4])
def test_a_batch_that_would_fill_the_memory_is_passed_over(codec: int):
    bomb = _batch(12, [bytes(80 * 2**20)], codec=codec)
    small = _batch(13, [bytes(2**20)], codec=codec)
    with capture_logs() as said:
        assert _read(_batch(10, [b"a", b"b"]) + bomb + small, 10) == ([10, 11, 13], 14)
    assert [line["offset"] for line in said] == [12]
    assert fetched.EMPTY.before("t", 0, 13) == (12, 0)


def test_a_batch_that_was_damaged_on_the_way_is_fetched_again():
    bomb = bytearray(_batch(12, [bytes(80 * 2**20)], codec=4))
    bomb[30] ^= 1
    with pytest.raises(CorruptRecordException):
        _read(bytes(bomb), 12)


def test_aiokafka_uses_what_takes_responses_apart():
    fetched.install()
    assert fetcher.MemoryRecords is fetched.Batches
    assert "MemoryRecords" in fetcher.Fetcher._proc_fetch_request.__code__.co_names


def test_a_hole_within_a_response_and_between_two_is_known():
    assert _read(_batch(0, [b"a"]) + _batch(3, [b"b"]), 0) == ([0, 3], 4)
    assert fetched.EMPTY.before("t", 0, 3) == (1, 0)
    assert _read(_batch(4, [b"x"], [(_Name("x"), b"")]), 4) == ([], 5)
    assert _read(_batch(5, [b"x"], [(_Name("x"), b"")]), 5) == ([], 6)
    assert _read(_batch(7, [b"c"]), 6) == ([7], 8)
    assert fetched.EMPTY.before("t", 0, 7) == (4, 0)


def test_marks_of_transactions_are_told_from_messages_that_are_gone():
    assert _read(_batch(0, [b"a"]) + _mark(1) + _batch(5, [b"b"]) + _mark(6), 0) == ([0, 5], 7)
    assert fetched.EMPTY.before("t", 0, 5) == (1, 1)
    assert _read(_mark(7) + _batch(9, [b"c"]), 7) == ([9], 10)
    assert fetched.EMPTY.before("t", 0, 9) == (6, 2)


def test_what_lies_before_a_response_is_not_known_from_it():
    _read(_batch(0, [b"a"]), 0)
    assert _read(_batch(9, [b"b"]), 9) == ([9], 10)
    assert fetched.EMPTY.before("t", 0, 9) == (9, 0)


def test_what_is_known_is_bounded():
    empty = fetched.EmptyStretches(most=2)
    for offset in range(3):
        empty.note(("t", 0), Stretch(offset), offset + 1)
    assert [empty.before("t", 0, offset).first for offset in (1, 2, 3)] == [1, 1, 2]


def test_who_reads_the_log_back_passes_over_the_same():
    response = _batch(10, [b"a"]) + _batch(11, [b"x", b"y"], [(_Name("x"), b"")]) + _batch(13, [b"c"])
    records = memory_records.MemoryRecords(response)
    found = []
    while (batch := records.next_batch()) is not None:
        assert batch.validate_crc()
        found += [record.offset for record in batch]
    assert found == _read(response, 10)[0] == [10, 13]


@pytest.mark.parametrize("codec", [1, 2, 3, 4])
def test_who_reads_the_log_back_unpacks_the_same_and_no_more_either(codec):
    records = memory_records.MemoryRecords(
        _batch(10, [b"a"], codec=1) + _batch(11, [bytes(80 * 2**20)], codec=1) + _batch(12, [b"c"], codec=codec)
    )
    found = []
    while (batch := records.next_batch()) is not None:
        found += [record.offset for record in batch]
    assert found == [10, 12]
