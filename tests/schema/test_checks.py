"""Each row is accepted, or refused with the one reason that the contract gives it."""

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema import checks, spread, wire
from schema.printable import is_hidden
from streams import histogram
from tests.batches import NOW_MS, batch
from tests.texts import hostile


def reason(**fields) -> str:
    (code,) = checks.refusals(wire.columns([batch(**fields)]), NOW_MS).tolist()
    return checks.REASONS[code]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ""),
        ({"power_w": None, "power_method": None}, ""),
        ({"power_w": None}, ""),
        ({"power_w": 0.0}, ""),
        ({"power_w": 10_000.0}, ""),
        ({"utilization": 1.0, "tensor_utilization": 0.0}, ""),
        ({"ts": NOW_MS + 5_000}, ""),
        ({"ts": NOW_MS - checks.RAW_RETENTION_MS}, ""),
        ({"interval_ms": 3_600_000}, ""),
        ({"host": "h" * 128}, ""),
        ({"host": "é" * 64}, ""),
        ({"throttle": 15}, ""),
        ({"host": None}, "missing_label"),
        ({"chip": ""}, "missing_label"),
        ({"site": None}, "missing_label"),
        ({"model": ""}, "missing_label"),
        ({"host": "h" * 129}, "label_too_long"),
        ({"host": "é" * 65}, "label_too_long"),
        ({"job": "j" * 129}, "label_too_long"),
        ({"platform": "abacus"}, "unknown_platform"),
        ({"platform": "NVIDIA"}, "unknown_platform"),
        ({"ts": None}, "bad_time"),
        ({"ts": NOW_MS + 5_001}, "bad_time"),
        ({"ts": -1}, "bad_time"),
        ({"ts": NOW_MS - checks.RAW_RETENTION_MS - 1}, "too_late"),
        ({"interval_ms": None}, "bad_interval"),
        ({"interval_ms": 0}, "bad_interval"),
        ({"interval_ms": 3_600_001}, "bad_interval"),
        ({"power_w": math.nan}, "bad_power"),
        ({"power_w": math.inf}, "bad_power"),
        ({"power_w": -0.5}, "bad_power"),
        ({"power_w": 10_001.0}, "bad_power"),
        ({"utilization": 1.01}, "bad_utilization"),
        ({"utilization": math.nan}, "bad_utilization"),
        ({"tensor_utilization": -0.1}, "bad_utilization"),
        ({"power_method": None}, "bad_value"),
        ({"power_method": "guess"}, "bad_value"),
        ({"power_error_w": -1.0}, "bad_value"),
        ({"temperature_c": math.inf}, "bad_value"),
        ({"throttle": 16}, "bad_value"),
        ({"energy_j": math.nan}, "bad_value"),
        ({"memory_used_bytes": 2**63}, "bad_value"),
        ({"host": "a\0b"}, "bad_label"),
        ({"host": "a\nb"}, "bad_label"),
        ({"site": "\x1b[2J"}, "bad_label"),
        ({"model": "h100\x7f"}, "bad_label"),
        ({"fleet": "\x9b31m"}, "bad_label"),
        ({"chip": "gpu\u202e0"}, "bad_label"),
        ({"chip": "gpu\u20660\u2069"}, "bad_label"),
        ({"job": "train\u200b"}, "bad_label"),
        ({"job": "\ufefftrain"}, "bad_label"),
        ({"job": "a\u2028b"}, "bad_label"),
        ({"job": "\ue000"}, "bad_label"),
        ({"job": "\U000e0041"}, "bad_label"),
        ({"job": ""}, ""),
        ({"job": "Büro 7 / 東京 / أحمر 🚀 [red]"}, ""),
        ({"platform": "nvidia\u200b"}, "bad_label"),
        ({"host": "\x1b" * 129}, "label_too_long"),
        ({"host": None, "power_w": math.nan}, "missing_label"),
        ({"ts": None, "interval_ms": 0}, "bad_time"),
    ],
)
def test_reason(fields, expected):
    assert reason(**fields) == expected


def test_a_bad_row_does_not_touch_its_neighbours():
    rows = batch(power_w=[1.0, -1.0, None, 3.0], host=["a", "a", "b", None])

    codes = checks.refusals(wire.columns([rows]), NOW_MS)

    assert [checks.REASONS[code] for code in codes] == ["", "bad_power", "", "missing_label"]


@pytest.mark.parametrize("name", checks.RANGES)
def test_the_ends_of_a_range_are_in_it(name):
    """Beside one that is not, since a column that is in its range as a whole is not looked at row by row."""
    low, high = checks.RANGES[name]
    kind = int if name == "throttle" or name.endswith("_bytes") else float
    found = reasons_of(batch(**{name: [kind(low), kind(high), kind(high * 1.5)]}))

    assert found[:2] == ["", ""]
    assert found[2] in {"bad_power", "bad_utilization", "bad_value"}


def test_each_row_is_judged_by_its_own_append_time():
    rows = wire.columns([batch(ts=[NOW_MS, NOW_MS])])

    codes = checks.reading_refusals(rows, pa.array([NOW_MS, NOW_MS - 10_000]).to_numpy())

    assert [checks.REASONS[code] for code in codes] == ["", "bad_time"]


def test_nothing_at_all_is_known_of_an_empty_row():
    empty = pa.RecordBatch.from_pydict({"other": pa.array([1])})

    codes = checks.refusals(wire.columns([empty]), NOW_MS)

    assert [checks.REASONS[code] for code in codes] == ["missing_label"]


def hours(fleets: int, rows_of_each: int = 1, first_power_w: float = 500.0) -> pa.RecordBatch:
    """Return rows that each last an hour, in fleets of their own."""
    rows = fleets * rows_of_each
    power_w = [first_power_w] + [500.0] * (rows - 1)
    return batch(fleet=[f"f{index // rows_of_each}" for index in range(rows)], interval_ms=3_600_000, power_w=power_w)


def reasons_of(rows: pa.RecordBatch) -> list[str]:
    return [checks.REASONS[code] for code in checks.refusals(wire.columns([rows]), NOW_MS)]


def test_rows_that_unfold_into_more_sums_than_a_message_may_make_are_refused():
    most = spread.MAX_SUMS // 3_600

    assert reasons_of(hours(most + 100)) == [""] * most + ["bad_value"] * 100


def test_rows_that_are_added_up_before_they_are_spread_count_together():
    assert set(reasons_of(hours(10, rows_of_each=2_000))) == {""}


def test_refused_rows_unfold_into_nothing():
    found = reasons_of(hours(spread.MAX_SUMS // 3_600 + 1, first_power_w=-1.0))

    assert [reason for reason in found if reason] == ["bad_power"]


HOUR_MS = 3_600_000


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param({"chip": [f"c{n}" for n in range(100_000)], "interval_ms": HOUR_MS}, id="a pod's hour"),
        pytest.param(
            {"ts": [NOW_MS - HOUR_MS * n for n in range(18)], "interval_ms": HOUR_MS}, id="most of a day in hours"
        ),
        pytest.param({"ts": [NOW_MS - 1_000 * n for n in range(86_400)]}, id="a day of seconds"),
        pytest.param({"chip": [f"c{n}" for n in range(8_192)], "interval_ms": 60_000}, id="a rack's minute"),
        pytest.param(
            {"ts": [NOW_MS - n for n in range(900)], "interval_ms": HOUR_MS}, id="hours that end as they like"
        ),
        pytest.param({"fleet": [f"f{n}" for n in range(500)], "interval_ms": 60_000}, id="hundreds of fleets"),
    ],
)
def test_what_a_fleet_sends_in_one_message_is_accepted(rows):
    length = max(len(column) for column in rows.values() if isinstance(column, list))
    power_w = np.random.default_rng(1).uniform(100, 1_000, length)

    assert set(reasons_of(batch(power_w=power_w.tolist(), **rows))) == {""}


def test_intervals_that_overlap_make_their_seconds_once():
    """An hour ended at each of a thousand seconds is less than an hour and twenty minutes."""
    assert set(reasons_of(batch(ts=[NOW_MS - 1_000 * n for n in range(1_000)], interval_ms=3_600_000))) == {""}


def test_a_message_that_takes_too_long_to_add_up_is_refused_though_its_sums_are_few():
    """Five thousand intervals of an hour are eighteen million seconds of one group."""
    assert "bad_value" in reasons_of(batch(ts=[NOW_MS - 1_000 * n for n in range(5_000)], interval_ms=3_600_000))


def test_a_message_whose_sums_have_too_many_power_bins_is_refused():
    """Ten fleets of 200 chips, each at a power of its own: 36,000 sums of 200 bins."""
    power_w = np.tile(np.geomspace(50, 1_000, 200), 10).tolist()
    found = reasons_of(batch(fleet=[f"f{n // 200}" for n in range(2_000)], interval_ms=HOUR_MS, power_w=power_w))

    assert found == [""] * 200 + ["bad_value"] * 1_800


def test_powers_are_counted_by_the_bins_that_they_fall_into():
    assert spread._BIN_SHIFT == histogram.SHIFT


def test_a_message_may_name_so_many_jobs():
    """Rows of the first jobs are accepted, rows without a job always."""
    jobs = [*(f"j{n}" for n in range(spread.MAX_JOBS + 2)), None, "j0"]

    assert reasons_of(batch(job=jobs)) == [""] * spread.MAX_JOBS + ["too_many_labels"] * 2 + ["", ""]
    assert reasons_of(batch(job=jobs[: spread.MAX_JOBS + 1])) == [""] * spread.MAX_JOBS + ["too_many_labels"]


def test_a_message_may_name_so_many_chips():
    chips = [f"c{n}" for n in range(spread.MAX_CHIPS + 1)]

    assert reasons_of(batch(chip=chips))[-2:] == ["", "too_many_labels"]
    assert reasons_of(batch(chip=[*chips, "c0"]))[-3:] == ["", "too_many_labels", ""]


@given(st.lists(hostile(surrogates=False), min_size=1, max_size=5))
def test_a_label_is_accepted_just_when_all_of_it_can_be_seen(texts):
    """Judged once for each distinct text, and alike whichever label it is."""
    for name in ("host", "job"):
        rows = batch(**{name: texts})
        codes = checks.refusals(wire.columns([rows]), NOW_MS)
        for text, code in zip(texts, codes, strict=True):
            if checks.REASONS[code] in ("", "bad_label"):
                assert (checks.REASONS[code] == "bad_label") == is_hidden(text)
            else:
                assert checks.REASONS[code] in ("missing_label", "label_too_long")


def test_a_slice_of_labels_is_judged_by_its_own_texts():
    """Arrow's slices share the text of the whole."""
    values = pa.array(["a\x1b", "b", "\u202ec", "d"])

    assert checks.with_hidden(values.slice(1, 2)).tolist() == [False, True]
    assert checks.with_hidden(values.slice(1, 1)).tolist() == [False]
    assert checks.with_hidden(values.slice(0, 0)).tolist() == []
    assert checks.with_hidden(pa.array([], pa.utf8())).tolist() == []
    assert checks.with_hidden(pa.array(["", ""])).tolist() == [False, False]
