"""A response is taken apart into runs: the same messages and empty stretches, wherever the runs are cut."""

import cramjam
import lz4.frame
import pytest
from aiokafka import codec
from aiokafka.record._crecords import default_records
from aiokafka.structs import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from schema import encoding
from streams import fetched
from tests.streams.test_fetched import _batch, _mark, _Name

_KIND = (encoding.CONTENT_TYPE_HEADER, b"application/x-ndjson")
_HEADERS = (
    [],
    [_KIND],
    [("gigawatt-spool", b"1:2"), _KIND],
    [_KIND, (encoding.CONTENT_TYPE_HEADER, b"")],
    [("x", None)],
)

parts = st.lists(
    st.one_of(
        st.tuples(
            st.just("batch"),
            st.lists(st.binary(max_size=300), min_size=1, max_size=5),
            st.sampled_from(_HEADERS),
            st.sampled_from([0, 1, 3, 4]),
        ),
        st.tuples(st.just("mark")),
        st.tuples(st.just("bad")),
        st.tuples(st.just("hole"), st.integers(1, 5)),
    ),
    min_size=1,
    max_size=12,
)


def _response(parts: list[tuple]) -> tuple[bytes, list[tuple[int, bytes, str | None]]]:
    """Return a response and the messages in it: offset, value and content type."""
    response, messages, at = b"", [], 7
    for part in parts:
        match part:
            case ("batch", values, headers, codec):
                response += _batch(at, values, headers, codec)
                kind = dict(headers).get(encoding.CONTENT_TYPE_HEADER)
                messages += [(at + n, value, kind.decode() if kind else None) for n, value in enumerate(values)]
                at += len(values)
            case ("mark",):
                response += _mark(at)
                at += 1
            case ("bad",):
                response += _batch(at, [b"x", b"y"], [(_Name("x"), b"")])
                at += 2
            case ("hole", count):
                at += count
    return response, messages


def _fetched(response: bytes, offset: int, run_bytes: int, partition: int = 0) -> fetched.Fetched:
    place, batches = TopicPartition("runs", partition), fetched.Batches(response)
    return fetched.Fetched(place, batches, None, offset, None, None, True, 0, run_bytes=run_bytes)


@given(parts=parts, run_bytes=st.integers(0, 3_000), begin=st.integers(0, 3))
def test_runs_hold_the_same_messages_wherever_they_are_cut(parts, run_bytes, begin):
    response, messages = _response(parts)
    begin = min([7 + begin, *[offset for offset, *_ in messages[-1:]]])
    messages = [one for one in messages if one[0] >= begin]
    known = []
    for partition, most in enumerate((0, run_bytes)):
        records = _fetched(response, begin, most, partition)
        runs = []
        for run in records:
            runs.append(run)
            assert records.next_fetch_offset >= run.offset + 1
        found = [one for run in runs for one in run.messages]
        assert [(one.offset, one.value, one.content_type) for one in found] == messages
        assert all(run.nbytes >= most for run in runs[:-1])
        assert all(run.nbytes - run.messages[-1].nbytes - 200 < max(most, 1) for run in runs)
        empty = [fetched.EMPTY.before("runs", partition, offset) for offset, *_ in messages]
        known.append((empty, records.next_fetch_offset))
    assert known[0] == known[1]


def test_what_is_beyond_a_run_stays_packed_and_is_read_on_from_there():
    records = _fetched(_batch(0, [bytes(900), bytes(900), b"c"]) + _batch(3, [b"d"]), 0, 1_000)
    for offset in (0, 1):
        assert [one.offset for one in next(records).messages] == [offset]
        assert records.next_fetch_offset == offset + 1
    assert [one.offset for one in next(records).messages] == [2, 3]


def test_what_is_packed_by_lz4_is_unpacked_as_aiokafka_does():
    frame, other = lz4.frame.compress(b"a" * 300), lz4.frame.compress(b"b")
    for packed in (frame, frame + other):
        assert fetched.unpack_lz4(packed) == codec.lz4_decode(packed)
    for damaged in (b"", frame[:3], frame[:-4], frame + b"garbage"):
        with pytest.raises((RuntimeError, cramjam.DecompressionError)):
            fetched.unpack_lz4(damaged)


def test_aiokafka_unpacks_with_it(monkeypatch):
    fetched.install()
    assert default_records.lz4_decode is fetched.unpack_lz4
    asked = []

    def noted(packed: bytes) -> bytes:
        asked.append(packed)
        return fetched.unpack_lz4(packed)

    monkeypatch.setattr(default_records, "lz4_decode", noted)
    (run,) = _fetched(_batch(0, [bytes(500)], codec=3), 0, 0)
    assert (run.messages[0].value, len(asked)) == (bytes(500), 1)


def test_messages_have_the_time_that_can_be_written_as_a_date():
    (run,) = _fetched(_batch(0, [b"a"]), 0, 10_000)
    assert [one.appended_ms for one in run.messages] == [1]
