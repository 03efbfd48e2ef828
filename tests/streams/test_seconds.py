"""The overlap arithmetic: joules and chip-seconds add up exactly, however samples are split, ordered or grouped."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from schema import wire
from streams.rectangles import rectangles
from streams.seconds import Seconds, coarser, seconds
from tests.batches import batch

Sample = tuple[int, int, float, int]  # ts_ms, interval_ms, power_w, group

samples = st.lists(
    st.tuples(
        st.integers(10_000_000, 10_009_000),
        st.one_of(st.integers(1, 2_500), st.just(1_000), st.integers(1, 90_000)),
        st.floats(0, 10_000, width=32),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=60,
)


def spread(rows: list[Sample]) -> Seconds:
    ts, interval, power, group = (list(column) for column in zip(*rows, strict=True))
    columns = wire.columns([batch(ts=ts, interval_ms=interval, power_w=power, utilization=0.5)])
    return seconds(rectangles(columns, np.array(group), np.zeros(len(rows), bool)))


def by_the_book(rows: list[Sample]) -> dict[tuple[int, int], Fraction]:
    """Add up power x overlap exactly, one sample and one second at a time."""
    sums: dict[tuple[int, int], Fraction] = {}
    for ts, interval, power, group in rows:
        for second in range((ts - interval) // 1000, (ts - 1) // 1000 + 1):
            overlap_ms = min(ts, (second + 1) * 1000) - max(ts - interval, second * 1000)
            joules = Fraction(power) * overlap_ms / 1000
            sums[group, second] = sums.get((group, second), Fraction(0)) + joules
    return sums


def cells(result: Seconds) -> dict[tuple[int, int], float]:
    return dict(
        zip(zip(result.group.tolist(), result.second.tolist(), strict=True), result.energy_j.tolist(), strict=True)
    )


@given(samples)
def test_every_second_gets_power_times_overlap(rows):
    got, expected = cells(spread(rows)), by_the_book(rows)

    assert got.keys() == expected.keys()
    for key, joules in expected.items():
        assert math.isclose(got[key], joules, rel_tol=1e-12, abs_tol=1e-9), key


@given(samples)
def test_the_sum_is_that_of_power_times_interval(rows):
    expected = float(sum(Fraction(power) * interval / 1000 for _, interval, power, _ in rows))

    assert math.isclose(spread(rows).energy_j.sum(), expected, rel_tol=1e-12, abs_tol=1e-9)


@given(samples)
def test_chip_seconds_are_the_intervals(rows):
    result = spread(rows)

    expected = sum(interval for _, interval, _, _ in rows) / 1000
    assert math.isclose(result.chip_seconds.sum(), expected, rel_tol=1e-12)
    assert math.isclose(result.utilization_seconds.sum(), expected / 2, rel_tol=1e-12)
    assert math.isclose(result.bin_chip_seconds.sum(), expected, rel_tol=1e-12)


@given(samples)
def test_each_sample_counts_once_in_the_second_that_it_ends_in(rows):
    result = spread(rows)

    assert result.samples.sum() == len(rows)
    for ts, _, _, group in rows:
        at = (result.group == group) & (result.second == (ts - 1) // 1000)
        assert result.samples[at].sum() > 0


@given(samples, st.randoms(use_true_random=False))
def test_order_does_not_matter(rows, random):
    shuffled = list(rows)
    random.shuffle(shuffled)

    got, expected = cells(spread(shuffled)), cells(spread(rows))
    assert got.keys() == expected.keys()
    assert all(math.isclose(got[key], expected[key], rel_tol=1e-12, abs_tol=1e-9) for key in got)


@given(samples, st.lists(st.integers(0, 60), max_size=4))
def test_splitting_deliveries_does_not_matter(rows, cuts):
    edges = sorted({0, len(rows), *(min(cut, len(rows)) for cut in cuts)})
    parts = [cells(spread(rows[a:b])) for a, b in itertools.pairwise(edges) if a < b]

    expected = cells(spread(rows))
    assert set().union(*parts) == expected.keys()
    for key, joules in expected.items():
        assert math.isclose(sum(part.get(key, 0) for part in parts), joules, rel_tol=1e-12, abs_tol=1e-9)


@given(samples)
def test_the_strongest_sample_that_touches_a_second_is_its_maximum(rows):
    result = spread(rows)
    expected: dict[tuple[int, int], float] = {}
    for ts, interval, power, group in rows:
        for second in range((ts - interval) // 1000, (ts - 1) // 1000 + 1):
            expected[group, second] = max(expected.get((group, second), 0.0), power)

    keys = zip(result.group.tolist(), result.second.tolist(), strict=True)
    assert dict(zip(keys, result.max_power_w.tolist(), strict=True)) == expected


def test_a_minute_spreads_over_sixty_one_seconds_when_it_is_not_aligned():
    result = spread([(10_060_250, 60_000, 100.0, 0)])

    assert len(result) == 61
    assert result.energy_j[0] == 75.0
    assert result.energy_j[1:-1].tolist() == [100.0] * 59
    assert result.energy_j[-1] == 25.0


def test_unknown_power_gives_chip_seconds_and_no_joules():
    columns = wire.columns([batch(power_w=[None, 100.0], ts=10_001_000)])

    result = seconds(rectangles(columns, np.array([0, 1]), np.array([False, True])))

    assert result.energy_j.tolist() == [0.0, 100.0]
    assert result.chip_seconds.tolist() == [1.0, 1.0]
    assert result.bin_chip_seconds.sum() == 1.0
    assert result.late_samples.tolist() == [0, 1]


def test_errors_are_kept_as_sum_and_as_sum_of_squares():
    columns = wire.columns([batch(power_error_w=[3.0, 4.0, None], ts=10_001_000)])

    result = seconds(rectangles(columns, np.zeros(3, int), np.zeros(3, bool)))

    assert result.error_w_seconds.tolist() == [7.0]
    assert result.error_w2_seconds.tolist() == [25.0]
    assert result.error_chip_seconds.tolist() == [2.0]


def test_no_samples_give_no_seconds():
    none = wire.columns([pa.RecordBatch.from_pylist([], batch().schema)])

    assert len(seconds(rectangles(none, np.zeros(0, int), np.zeros(0, bool)))) == 0


@given(samples, st.sampled_from([60, 3600]))
def test_coarser_windows_hold_the_same_sums(rows, length_s):
    fine = spread(rows)
    coarse = coarser(fine, length_s)

    assert (coarse.second % length_s == 0).all()
    assert len(set(zip(coarse.group.tolist(), coarse.second.tolist(), strict=True))) == len(coarse)
    for name in ("energy_j", "chip_seconds", "utilization_seconds", "power_w2_seconds", "samples", "bin_chip_seconds"):
        assert math.isclose(getattr(coarse, name).sum(), getattr(fine, name).sum(), rel_tol=1e-12, abs_tol=1e-9)
    assert coarse.max_power_w.max() == fine.max_power_w.max()
    assert coarse.bin_offsets[-1] == len(coarse.bin_number)
