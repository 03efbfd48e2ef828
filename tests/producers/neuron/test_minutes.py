import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.neuron.minutes import Span, Timeline
from producers.neuron.report import Usage
from producers.neuron.sysfs import Window

MINUTE_S = 29_833_334 * 60  # a whole minute


def ms(second):
    return round((MINUTE_S + second) * 1000)


def window(end, *, valid=True, mean=0.5):
    return Window(ms(end), valid, 0.0, 1.0, mean)


def span(start, end, utilization=None, **usage):
    return Span(ms(start), ms(end), Usage(utilization, **usage))


def timeline(*spans, since=-1000):
    made = Timeline(ms(since))
    for one in spans:
        made.add(one)
    return made


def seconds(rectangles):
    """Return start and end in seconds, the power's share and the utilization of each."""
    return [
        (
            one.start_ms / 1000 - MINUTE_S,
            one.end_ms / 1000 - MINUTE_S,
            one.window.mean if one.window else None,
            one.usage.utilization,
        )
        for one in rectangles
    ]


def step(made, second, shown, *, absent=False):
    return seconds(made.step(ms(second), shown, absent=absent))


def test_a_window_is_a_minute():
    """The first that is seen may have begun at any time: it counts for sixty seconds; the mean is of its reports."""
    made = timeline(span(0, 20, 0.0), span(20, 60, 0.6), span(60, 61, 1.0))

    assert step(made, 60, window(60)) == [(0, 60, 0.5, pytest.approx(0.4))]


def test_a_window_is_told_once():
    """The file stands still for a minute."""
    made = timeline()

    assert [len(step(made, second, window(60 * (second // 60)))) for second in range(58, 124)] == [
        1 if second in (58, 60, 120) else 0 for second in range(58, 124)
    ]


def test_a_window_begins_where_the_one_before_it_ended():
    """When the driver was loaded or hung, windows do not begin at whole minutes."""
    made = timeline()
    shown = [window(-25), window(0, valid=False), window(83), window(120)]

    told = [told for each in shown for told in step(made, 125, each)]
    assert told == [(-85, -25, 0.5, None), (23, 83, 0.5, None), (83, 120, 0.5, None)]


def test_a_window_that_ended_before_the_first_look_is_not_told():
    """Who was here before us told it; the next one is ours as a whole."""
    made = timeline(span(30, 31, 0.5), since=30)

    assert step(made, 30, window(0)) == []
    assert step(made, 60, window(60)) == [(0, 60, 0.5, None)]


def test_a_window_of_the_future_waits():
    """The tick is due at a whole second, and the driver may be quicker than our reading."""
    made = timeline()

    assert step(made, 59, window(60)) == []
    assert step(made, 60, window(60)) == [(0, 60, 0.5, None)]


def test_utilization_is_unknown_when_less_than_half_of_the_minute_is_covered():
    assert step(timeline(span(31, 60, 0.5)), 60, window(60)) == [(0, 60, 0.5, None)]
    assert step(timeline(span(30, 60, 0.5)), 60, window(60)) == [(0, 60, 0.5, 0.5)]
    assert step(timeline(span(0, 30, 0.5), span(30, 60)), 60, window(60)) == [(0, 60, 0.5, 0.5)]


def test_a_report_across_two_windows_counts_in_each_for_what_lies_in_it():
    """The first was told before this report came, so of it only the rest is left."""
    made = timeline(span(0, 55, 0.0))
    assert step(made, 60, window(60)) == [(0, 60, 0.5, 0.0)]
    made.add(span(55, 80, 1.0))
    made.add(span(80, 120, 0.25))

    assert step(made, 120, window(120)) == [(60, 120, 0.5, 0.5)]


def test_what_is_no_mean_is_as_the_last_report_says():
    made = timeline(
        span(0, 40, 0.1, memory_used_bytes=1, flops=6.0, job="a"), span(40, 60, 0.1, memory_used_bytes=2, job="b")
    )
    usage = made.step(ms(60), window(60), absent=False)[0].usage

    assert (usage.memory_used_bytes, usage.job, usage.flops) == (2, "b", 6.0)


@pytest.mark.parametrize(
    ("shown", "absent", "told_at"),
    [
        (None, True, 66),  # no power file
        (Window(0, False, 0, 0, 0), False, 66),  # no window was ever closed
        (window(60, valid=False), False, 66),  # the driver has no data of this minute
        (window(0), False, 121),  # a window may still come that reaches back to here
        (None, False, 240),  # the file cannot be read
    ],
)
def test_without_power_there_is_utilization_as_soon_as_it_is_certain(shown, absent, told_at):
    """Of the time that reports cover, cut at whole minutes."""
    made = timeline(span(10, 30, 1.0), span(30, 61, 0.5), since=20)

    told = {second: rectangles for second in range(20, 300) if (rectangles := step(made, second, shown, absent=absent))}
    assert next(iter(told)) == told_at
    assert told[told_at] == [(10, 60, None, pytest.approx((20 + 15) / 50))]


def test_memory_alone_is_worth_a_rectangle_and_nothing_at_all_is_not():
    assert step(timeline(span(0, 60, memory_used_bytes=5)), 70, None, absent=True) == [(0, 60, None, None)]
    assert step(timeline(span(0, 60)), 70, None, absent=True) == []


def test_power_that_comes_back_takes_up_where_utilization_ended():
    """What was told without power is not told again with it."""
    made = timeline(*(span(second, second + 1, 0.5) for second in range(180)))
    told = step(made, 0, window(0, valid=False))
    for second in range(1, 181):
        shown = window(60 * (second // 60), valid=second >= 120)
        told += step(made, second, shown)

    assert told == [(0, 60, None, 0.5), (60, 120, 0.5, 0.5), (120, 180, 0.5, 0.5)]


def test_the_rest_is_told_at_the_end():
    made = timeline(span(30, 70, 0.5))

    assert seconds(made.rest(ms(65))) == [(30, 60, None, 0.5), (60, 65, None, 0.5)]


def test_a_clock_that_was_set_back_silences_nobody():
    """What was told of the time to come is refused by the worker: the time is lived, and told, once more."""
    made = timeline(since=-10_000)
    assert len(step(made, 3600, window(3600))) == 1

    assert step(made, 60, window(60)) == [(0, 60, 0.5, None)]


def test_a_clock_that_was_set_back_a_little_makes_no_overlap():
    made = timeline()
    assert len(step(made, 60, window(60))) == 1

    assert step(made, 58, window(58)) == []
    assert step(made, 60, window(60)) == []
    assert step(made, 120, window(120)) == [(60, 120, 0.5, None)]


@st.composite
def histories(draw):
    """Give, second by second, what the driver shows, whether we look, whether we can read, and what reports say.

    A driver is loaded, now and then anew; it hangs for less than a minute; some of its windows are without data.
    """
    length = draw(st.integers(200, 500))
    loads = draw(st.lists(st.integers(0, length), max_size=2, unique=True))
    hangs = draw(st.lists(st.tuples(st.integers(0, length), st.integers(1, 55)), max_size=3))
    blinks = draw(st.lists(st.tuples(st.integers(0, length), st.integers(1, 90)), max_size=3))
    empty = draw(st.sets(st.integers(-1, length // 60 + 1)))
    look_every = draw(st.integers(1, 25))
    shift = draw(st.integers(0, 59))
    shown = None if loads else window(-60)
    closed_in = -1
    looks, exists = [], not loads
    for second in range(shift, shift + length):
        since_load = [second - shift - load for load in loads if second - shift - load >= 0]
        gone = bool(loads) and (not since_load or min(since_load) < 3)
        if gone:
            shown, exists, closed_in = None, False, None
        elif not exists:
            shown, exists, closed_in = Window(0, False, 0, 0, 0), True, None
        elif closed_in != second // 60 and not any(start <= second - shift < start + long for start, long in hangs):
            valid = closed_in is not None and second // 60 not in empty
            shown, closed_in = window(second, valid=valid, mean=0.25), second // 60
        readable = not any(start <= second - shift < start + long for start, long in blinks)
        if second % look_every == 0:
            looks.append((second, shown if readable else None, exists or not readable))
    reports, end = [], shift
    spacing = st.tuples(st.sampled_from([0] * 9 + [1, 7, 70]), st.integers(1, 30), st.floats(0, 1))
    for gap, period, busy in draw(st.lists(spacing, min_size=15, max_size=60)):
        reports.append(span(end + gap, end + gap + period, busy, memory_used_bytes=1))
        end += gap + period
    return looks, reports


@given(histories())
@settings(max_examples=300)
def test_no_minute_of_power_is_lost_doubled_or_overlapped(history):
    """Whatever comes in whatever order: every valid window that was seen is told once, and as a whole."""
    looks, reports = history
    first = looks[0][0] if looks else 0
    made, told, expected, closed = timeline(since=first), [], [], None
    pending = list(reports)
    for second, shown, there in looks:
        while pending and pending[0].end_ms <= ms(second):
            made.add(pending.pop(0))
        now = made.step(ms(second), shown, absent=not there)
        assert all(one.end_ms <= ms(second) for one in now)
        told += now
        if shown is not None and shown.end_ms not in (0, closed):
            start = max(shown.end_ms - 60_000, closed or 0)
            expected += [(start, shown.end_ms)] if shown.valid and shown.end_ms > ms(first) else []
            closed = shown.end_ms
    if looks:
        told += made.rest(ms(looks[-1][0]))

    assert [(one.start_ms, one.end_ms) for one in told if one.window] == expected
    assert all(one.start_ms < one.end_ms for one in told)
    assert all(before.end_ms <= after.start_ms for before, after in itertools.pairwise(told))
    for one in told:
        covered = sum(max(0, min(one.end_ms, each.end_ms) - max(one.start_ms, each.start_ms)) for each in reports)
        assert one.usage.utilization is None or covered >= (one.end_ms - one.start_ms) / 2
    power_ms = sum(end - start for start, end in expected)
    assert sum(one.end_ms - one.start_ms for one in told if one.window) == power_ms


@given(histories())
@settings(max_examples=300)
def test_no_reported_time_is_lost(history):
    """What reports cover is in some rectangle, unless it came after its window was told."""
    looks, reports = history
    made, told, late = timeline(), [], 0
    pending = list(reports)
    for second, shown, there in looks:
        while pending and pending[0].end_ms <= ms(second):
            one = pending.pop(0)
            late += max(0, min(one.end_ms, max((each.end_ms for each in told), default=0)) - one.start_ms)
            made.add(one)
        told += made.step(ms(second), shown, absent=not there)
    told += made.rest(10**15)
    known = [one for one in reports if one not in pending]
    inside = sum(
        max(0, min(each.end_ms, one.end_ms) - max(each.start_ms, one.start_ms)) for one in known for each in told
    )

    assert inside >= sum(one.end_ms - one.start_ms for one in known) - late
