"""Rows of the sums, in tables of bounded size: however they are cut, they add up to the same."""

import itertools
import math

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from schema import encoding
from streams.accepted import accept
from streams.blocks import LogMessage
from streams.decoded import decode
from streams.power import TABLE_PIECES, PowerRows
from streams.rosters import make_roster
from tests.batches import NOW_MS, batch

samples = st.lists(
    st.tuples(
        st.integers(NOW_MS - 5_000, NOW_MS),
        st.integers(1, 90_000),
        st.floats(0, 10_000, width=32),
        st.sampled_from(["a", "b", "c"]),
    ),
    min_size=1,
    max_size=30,
)


def power_rows(sent: pa.RecordBatch, pieces: int = TABLE_PIECES) -> PowerRows:
    decoded, _ = decode([LogMessage(0, 0, NOW_MS, encoding.encode(sent), None)])
    rosters = [make_roster(received) for received in decoded.received]
    return PowerRows(accept(decoded, rosters, np.zeros(sent.num_rows, np.uint8)), pieces)


def sums(tables: PowerRows) -> dict[tuple, tuple[float, float, int, float]]:
    """Add up rows as the store does: by window and group."""
    added: dict[tuple, list] = {}
    for row in pa.concat_tables(tables).to_pylist():
        key = row["resolution_s"], row["time"], row["fleet"]
        sum_of = added.setdefault(key, [0.0, 0.0, 0, 0.0, 0.0])
        for place, value in enumerate((row["energy_j"], row["chip_seconds"], row["samples"])):
            sum_of[place] += value
        sum_of[3] = max(sum_of[3], row["max_power_w"])
        sum_of[4] += sum(chip_seconds for _, chip_seconds in row["power_histogram"])
    return {key: tuple(values) for key, values in added.items()}


@given(samples, st.integers(1, 500))
def test_however_the_tables_are_cut_they_add_up_to_the_same(rows, pieces):
    ts, interval_ms, power_w, fleet = (list(column) for column in zip(*rows, strict=True))
    sent = batch(ts=ts, interval_ms=interval_ms, power_w=power_w, fleet=fleet)

    whole, cut = sums(power_rows(sent, 10**9)), sums(power_rows(sent, pieces))

    assert whole.keys() == cut.keys()
    for key, values in whole.items():
        assert all(math.isclose(a, b, rel_tol=1e-12, abs_tol=1e-9) for a, b in zip(values, cut[key], strict=True)), key


def test_what_a_rack_sends_in_a_second_is_one_table():
    assert len(power_rows(batch(power_w=[500.0 + chip / 10 for chip in range(4_096)]))) == 1


def test_tables_are_the_same_each_time_they_are_asked_for():
    rows = power_rows(batch(fleet=["a", "b", "c"], interval_ms=60_000), pieces=50)

    assert len(rows) > 1
    assert list(rows) == list(rows)


def test_half_a_megabyte_may_unfold_into_millions_of_rows_but_never_at_once():
    """5,000 rows of an hour, each in a fleet of its own: eighteen million seconds."""
    rows = power_rows(batch(fleet=[f"f{index}" for index in range(5_000)], interval_ms=3_600_000))

    assert len(rows) > 100
    assert all(table.num_rows < 200_000 for table in itertools.islice(rows, 3))
