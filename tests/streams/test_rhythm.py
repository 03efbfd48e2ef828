"""A beat is as long as freshness allows, and the broker answers right after it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.rhythm import BEATS_MS, GRACE_MS, WITHIN_MS, Rhythm


@pytest.mark.parametrize(("now_s", "within_ms"), [(7.0, 100), (7.05, 50), (7.25, 850), (7.999, 101)])
def test_an_answer_comes_a_tenth_of_a_second_after_a_beat(now_s: float, within_ms: int):
    assert Rhythm().answer_within_ms(now_s) == pytest.approx(within_ms, abs=1)


@given(now_s=st.floats(1.7e9, 1.9e9), beat_ms=st.sampled_from(BEATS_MS))
def test_an_answer_comes_within_a_beat_and_in_time_for_the_beat_to_be_stored(now_s: float, beat_ms: int):
    rhythm = Rhythm(beat_ms=beat_ms)
    within_ms = rhythm.answer_within_ms(now_s)
    assert 0 < within_ms <= beat_ms + 1
    answered_ms = now_s * 1000 + within_ms
    assert 99 < answered_ms % beat_ms < GRACE_MS


@given(now_ms=st.integers(1_700_000_000_000, 1_900_000_000_000), beat_ms=st.sampled_from(BEATS_MS))
def test_a_beat_is_over_when_it_and_some_grace_are(now_ms: int, beat_ms: int):
    over_ms = Rhythm(beat_ms=beat_ms).over_before(now_ms)
    assert over_ms % beat_ms == 0
    assert GRACE_MS <= now_ms - over_ms < beat_ms + GRACE_MS


@pytest.mark.parametrize(
    ("took_s", "beat_ms"), [(0.05, 1600), (0.09, 1600), (0.2, 1400), (0.4, 1200), (0.6, 1000), (5.0, 1000)]
)
def test_a_worker_that_is_quick_stores_more_at_once(took_s: float, beat_ms: int):
    rhythm = Rhythm()
    rhythm.took(took_s)
    assert rhythm.beat_ms == beat_ms


@given(took_s=st.lists(st.floats(0.0, 3.0), min_size=1))
def test_the_oldest_message_is_stored_in_time_where_that_can_be(took_s: list[float]):
    rhythm = Rhythm()
    for one in took_s:
        slowest = max([*rhythm._took_ms, one * 1000 / rhythm.beat_ms][-16:])
        rhythm.took(one)
        assert rhythm.beat_ms == BEATS_MS[0] or rhythm.beat_ms * (1 + slowest) + GRACE_MS <= WITHIN_MS


def test_one_slow_commit_is_forgotten():
    rhythm = Rhythm()
    rhythm.took(3.0)
    for _ in range(16):
        rhythm.took(0.05)
    assert rhythm.beat_ms == BEATS_MS[-1]
