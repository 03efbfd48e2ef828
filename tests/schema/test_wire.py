"""Messages become columns; what cannot be read is refused whole, what does not fit costs its own row."""

import datetime as dt
from contextlib import suppress

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema import encoding, ndjson, wire
from schema.samples import SCHEMA
from tests.batches import batch


def columns(value: bytes, content_type: str | None = None):
    return wire.columns([wire.decode(value, content_type)])


def test_arrow_round_trip_keeps_every_value():
    sent = batch(power_w=[100.5, None], utilization=[0.25, 0.5], ts=[1_000, 2_000], job=["train", None])

    got = columns(encoding.encode(sent))

    assert got.ts_ms.tolist() == [1_000, 2_000]
    assert got.measures["power_w"][0] == 100.5
    assert got.given["power_w"].tolist() == [True, False]
    assert got.labels["job"].codes.tolist() == [0, -1]
    assert got.labels["host"].values.take(pa.array(got.labels["host"].codes)).to_pylist() == ["host-0", "host-0"]


def test_ndjson_round_trip_keeps_every_value():
    sent = batch(power_w=[100.5, None], utilization=[0.25, 0.5], ts=[1_000, 2_000], job=["train", None])

    arrow, json = columns(encoding.encode(sent)), columns(encoding.encode_ndjson(sent), encoding.NDJSON)

    assert json.ts_ms.tolist() == arrow.ts_ms.tolist()
    for name, values in arrow.measures.items():
        np.testing.assert_array_equal(json.measures[name], values.astype(np.float64), err_msg=name)


@pytest.mark.parametrize(
    ("text", "epoch_ms"),
    [
        ('"2026-01-01T00:00:00Z"', 1767225600000),
        ('"2026-01-01T00:00:00.250Z"', 1767225600250),
        ('"2026-01-01T02:00:00.25+02:00"', 1767225600250),
        ("1767225600250", 1767225600250),
        ('"yesterday"', 0),
        ("true", 0),
        ("null", 0),
    ],
)
def test_ndjson_time_is_epoch_milliseconds_or_rfc_3339(text, epoch_ms):
    assert columns(b'{"ts": %s, "power_w": 1}\n' % text.encode()).ts_ms.tolist() == [epoch_ms]


def test_ndjson_value_of_a_wrong_type_costs_only_its_own_row():
    got = columns(b'{"ts": 1, "power_w": 5}\n{"ts": 2, "power_w": "much"}\n')

    assert got.ts_ms.tolist() == [1, 2]
    assert got.measures["power_w"][0] == 5
    assert np.isnan(got.measures["power_w"][1])
    assert got.given["power_w"].all()


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"garbage",
        b"\xff\xff\xff\xff",
        b"\xff\xff\xff\xff\x10\x00\x00\x00garbage",
        b"[1]\n",
        b"null",
        b" null\n{}",
        b"\x00" * 100,
    ],
)
def test_what_is_neither_arrow_nor_json_is_undecodable(value):
    with pytest.raises(wire.UndecodableError):
        wire.decode(value)


def test_a_broken_line_costs_its_own_row_and_no_other():
    """As when a producer was cut off in the middle of a line."""
    got = columns(b'{"ts": 1, "host": "a"}\n[2]\nnull\n{"ts": 3, "host": "b"}\n{"ts"')

    assert got.ts_ms.tolist() == [1, 0, 0, 3, 0]
    assert got.labels["host"].codes.tolist() == [0, -1, -1, 1, -1]


GOOD = b'{"ts": 1, "power_w": 5, "unknown": "as long as a line of a sample is at least"}\n'
BAD = b'{"ts": 2, "power_w": "much", "unknown": "as long as a line of a sample is at least"}\n'


@pytest.mark.parametrize("where", [0, 99, 1000, 1999])
def test_one_wrong_value_among_many_costs_only_its_own_row(where):
    """Wherever it stands; what was received stands beside it."""
    lines = [GOOD] * 2000
    lines[where] = BAD

    batch = wire.decode(b"".join(lines))

    got = wire.columns([batch])
    assert np.flatnonzero(got.ts_ms == 2).tolist() == [where]
    assert np.flatnonzero(np.isnan(got.measures["power_w"])).tolist() == [where]
    assert batch["received"][where].as_py() == BAD.decode().strip()


def test_times_of_both_kinds_may_stand_in_one_message():
    text = b'{"ts": "2026-01-01T00:00:00.250Z", "power_w": 5}\n'

    got = columns(GOOD * 100 + text * 100 + GOOD)

    assert got.ts_ms.tolist() == [1] * 100 + [1767225600250] * 100 + [1]


def test_a_message_of_which_too_many_lines_must_be_read_one_by_one_is_undecodable():
    broken = GOOD + BAD

    assert len(columns(broken * (ndjson.MAX_SLOW_LINES // 2))) == ndjson.MAX_SLOW_LINES
    with pytest.raises(wire.UndecodableError, match="more than 5000 lines are broken or disagree on a type"):
        columns(broken * 2_700 + GOOD * (40_000 - 5_400))


def test_a_message_of_many_lines_that_are_too_short_for_any_sample_is_undecodable():
    """Eight megabytes of them are twelve kilobytes on the wire, and a million rows."""
    assert len(columns(b'{"a":1}\n' * ndjson.MAX_SLOW_LINES)) == ndjson.MAX_SLOW_LINES
    with pytest.raises(wire.UndecodableError, match="too short for samples"):
        columns(b'{"a":1}\n' * 100_000)


def test_an_unknown_content_type_is_undecodable():
    with pytest.raises(wire.UndecodableError, match="avro"):
        wire.decode(b"x", "application/avro")


@given(st.data())
def test_no_damage_to_an_arrow_message_raises_anything_but_undecodable(data):
    value = bytearray(encoding.encode(batch(power_w=[1.0, 2.0, 3.0])))
    for _ in range(data.draw(st.integers(1, 6))):
        value[data.draw(st.integers(0, len(value) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(value)))
    with suppress(wire.UndecodableError):
        wire.columns([wire.decode(bytes(value[:cut]), encoding.ARROW_STREAM)])


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_but_undecodable(value):
    with suppress(wire.UndecodableError):
        wire.columns([wire.decode(value)])


def test_narrow_types_plain_strings_and_any_order_of_columns_are_accepted():
    sent = pa.RecordBatch.from_pydict(
        {
            "power_w": pa.array([7], pa.float16()),
            "host": pa.array(["h"], pa.large_utf8()),
            "interval_ms": pa.array([1000], pa.int16()),
            "ts": pa.array([dt.datetime(1970, 1, 1, 0, 0, 1, tzinfo=dt.UTC)], pa.timestamp("ns")),
            "from_the_future": pa.array([[1, 2]]),
        }
    )

    got = columns(encoding.encode(sent))

    assert got.ts_ms.tolist() == [1000]
    assert got.interval_ms.tolist() == [1000]
    assert got.measures["power_w"].tolist() == [7.0]
    assert got.labels["chip"].codes.tolist() == [-1]


def test_a_dictionary_with_a_null_value_is_a_row_without_the_label():
    labels = pa.DictionaryArray.from_arrays(pa.array([0, 1, None], pa.int8()), pa.array(["a", None]))

    got = columns(encoding.encode(pa.RecordBatch.from_pydict({"host": labels})))

    assert got.labels["host"].codes.tolist() == [0, -1, -1]


def test_batches_of_one_schema_join_into_one_set_of_columns():
    one, two = batch(power_w=[1.0], host="a"), batch(power_w=[2.0, 3.0], host="b")

    got = wire.columns([one, two])

    assert got.measures["power_w"].tolist() == [1.0, 2.0, 3.0]
    host = got.labels["host"]
    assert host.values.take(pa.array(host.codes)).to_pylist() == ["a", "b", "b"]


def test_two_columns_of_one_name_are_undecodable():
    twice = pa.RecordBatch.from_arrays([pa.array([1]), pa.array([2])], names=["ts", "ts"])

    with pytest.raises(wire.UndecodableError, match="have the same name"):
        wire.decode(encoding.encode(twice))


def test_the_schema_names_every_field_of_the_contract():
    assert SCHEMA.names == [
        "ts", "interval_ms", "site", "fleet", "platform", "model", "host", "chip", "job", "power_w", "power_method",
        "power_error_w", "utilization", "tensor_utilization", "memory_used_bytes", "memory_total_bytes",
        "temperature_c", "throttle", "energy_j",
    ]  # fmt: skip


@pytest.mark.parametrize("deep", [b"[" * 100_000, b'{"a":' * 100_000, b'{"x":' + b"[" * 50_000 + b"]" * 50_000 + b"}"])
def test_json_nested_very_deep_does_no_harm(deep):
    with suppress(wire.UndecodableError):
        wire.columns([wire.decode(deep)])


def test_numbers_beyond_every_range_become_refusable():
    got = columns(b'{"ts": 99999999999999999999, "interval_ms": 1.5, "power_w": 1e400}')

    assert got.ts_ms.tolist() == [0]
    assert got.interval_ms.tolist() == [0]
    assert got.measures["power_w"].tolist() == [np.inf]


@pytest.mark.parametrize("batches", [0, 1, 2])
def test_a_stream_without_rows_is_a_message_without_samples(batches):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch().schema) as writer:
        for _ in range(batches):
            writer.write_batch(batch().slice(0, 0))

    assert len(columns(sink.getvalue().to_pybytes())) == 0
