"""Samples as newline-delimited JSON: what a recording has in it is printed as the worker would read it."""

import json
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from schema import encoding
from tests.batches import NOW_MS, batch


def with_column(name: str, values: pa.Array) -> pa.RecordBatch:
    rows = batch()
    index = rows.schema.get_field_index(name)
    return rows.append_column(name, values) if index < 0 else rows.set_column(index, name, values)


def printed(rows: pa.RecordBatch) -> dict:
    (line,) = encoding.encode_ndjson(rows).splitlines()
    return json.loads(line)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York"])
def test_times_are_epoch_milliseconds_whatever_their_unit_was(unit, zone):
    per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    ts = pa.array([NOW_MS // 1000 * per_second], pa.int64()).cast(pa.timestamp(unit, zone))

    assert printed(with_column("ts", ts))["ts"] == NOW_MS // 1000 * 1000


def test_times_that_are_numbers_stay_as_they_are():
    assert printed(with_column("ts", pa.array([NOW_MS])))["ts"] == NOW_MS


def test_what_json_has_no_type_for_is_text():
    seen = pa.array([datetime(2026, 1, 2, tzinfo=UTC)], pa.timestamp("ms", "UTC"))

    assert printed(with_column("seen_at", seen))["seen_at"] == "2026-01-02 00:00:00+00:00"
