import re
import threading
import time
from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from producers.batches import build
from producers.sampler import Clock, Outcome, Sampler
from producers.source import Batch, SourceDoneError, SourceError, Tick
from producers.together import Together

START_MS = 1_790_000_040_000  # a whole minute
SOON_S = 60.0
"""A deadline that only a defect misses."""
NOW_S = 0.5
"""A deadline for reads that are made to miss it."""


def tick(second=0, interval_ms=1000):
    return Tick(START_MS + second * 1000, interval_ms)


class Stand:
    """A source that answers each read with what its script says, then with one batch that bears its tick.

    A step is an exception, or an event that the read waits for before it answers.
    """

    def __init__(self, name, *script, period_s=1.0):
        self.name = name
        self.script = list(script)
        self.default_period_s = period_s
        self.ticks = []
        self.reading = 0
        self.closed = threading.Event()

    def read(self, tick):
        self.reading += 1
        assert self.reading == 1, "asked while it was read"
        self.ticks.append(tick)
        try:
            step = self.script.pop(0) if self.script else None
            if isinstance(step, threading.Event):
                step.wait(240)
            if isinstance(step, Exception):
                raise step
            return [self.batch(tick)]
        finally:
            self.reading -= 1

    def batch(self, tick):
        return Batch(self.name, build(1, {"ts": tick.ts_ms, "interval_ms": tick.interval_ms}))

    def close(self):
        self.closed.set()


def together(*stands, **options):
    return Together({stand.name: stand for stand in stands}, **{"wait_s": SOON_S} | options)


def told(batches):
    """Pairs of a source's name and the second that its sample is of."""
    pairs = []
    for batch in batches:
        (ts,) = batch.samples.column("ts").cast("int64").to_pylist()
        pairs.append((batch.key, (ts - START_MS) // 1000))
    return sorted(pairs)


def until(condition):
    end_s = time.monotonic() + SOON_S
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.001)


def lines(captured):
    return [line["event"] for line in captured]


def test_all_sources_are_read_at_each_tick():
    """What they say is one answer."""
    both = together(Stand("a"), Stand("b"))

    assert told(both.read(tick(0))) == [("a", 0), ("b", 0)]
    assert told(both.read(tick(1))) == [("a", 1), ("b", 1)]


def test_a_source_is_read_at_the_multiples_of_its_own_period():
    """It is told that time and its own period; its rectangles touch."""
    quick, slow = Stand("quick"), Stand("slow", period_s=60)
    both = together(quick, slow)
    for second in range(121):
        both.read(tick(second))

    assert len(quick.ticks) == 121
    assert slow.ticks == [tick(0, 60_000), tick(60, 60_000), tick(120, 60_000)]


def test_a_period_that_the_ticks_do_not_divide_loses_and_overlaps_nothing():
    """Read every 7 s, a source of 10 s is told its own times, the last before each tick."""
    odd = Stand("odd", period_s=10)
    both = together(odd)
    for second in range(7, 71, 7):
        both.read(tick(second, 7000))

    assert odd.ticks == [tick(second, 10_000) for second in range(10, 71, 10)]


@settings(max_examples=25, deadline=None)
@given(period_s=st.integers(1, 40), interval_ms=st.integers(300, 9000))
def test_whatever_the_periods_a_sources_rectangles_touch(period_s, interval_ms):
    """None is left out, none overlaps, none is of the future, and none is dated more than one tick early."""
    source = Stand("odd", period_s=period_s)
    both = together(source)
    for number in range(START_MS // interval_ms, START_MS // interval_ms + 60):
        before = len(source.ticks)
        both.read(Tick(number * interval_ms, interval_ms))
        for own in source.ticks[before:]:
            assert 0 <= number * interval_ms - own.ts_ms < interval_ms

    for earlier, later in zip(source.ticks, source.ticks[1:], strict=False):
        assert later.ts_ms - later.interval_ms == earlier.ts_ms
    assert {one.interval_ms for one in source.ticks} <= {max(period_s * 1000, interval_ms)}


def test_ticks_longer_than_its_period_are_taken_as_they_are():
    """The operator wants it slower than it could be."""
    quick = Stand("quick", period_s=0.1)
    both = together(quick)
    both.read(tick(5, 5000))

    assert quick.ticks == [tick(5, 5000)]


def test_a_hanging_source_delays_the_others_once():
    """Beyond the tick at which it began to hang it is not waited for, and not asked either."""
    let_go = threading.Event()
    hung, well = Stand("hung", let_go), Stand("well")
    both = together(hung, well, wait_s=NOW_S)
    assert told(both.read(tick(0))) == [("well", 0)]
    began_s = time.monotonic()
    both.wait_s = SOON_S  # from now on nothing may be waited for in vain
    for second in range(1, 50):
        assert told(both.read(tick(second))) == [("well", second)]
        assert time.monotonic() - began_s < SOON_S

    assert hung.ticks == [tick(0)]
    assert both.counts["hung"].skipped == 49
    let_go.set()


def test_a_late_answer_goes_out_with_the_next_tick():
    """It carries its own time; and the source is read again at that tick, for which it was in time."""
    let_go = threading.Event()
    late, well = Stand("late", let_go), Stand("well")
    both = together(late, well, wait_s=NOW_S)
    both.read(tick(0))
    let_go.set()
    until(lambda: not both._answers.empty())
    both.wait_s = SOON_S

    assert told(both.read(tick(1))) == [("late", 0), ("late", 1), ("well", 1)]
    assert told(both.read(tick(2))) == [("late", 2), ("well", 2)]
    counts = both.counts["late"]
    assert (counts.reads, counts.late, counts.skipped, counts.failures) == (3, 1, 0, 0)
    assert counts.read_s >= counts.last_read_s >= 0


def test_a_source_that_hangs_again_and_again_delays_the_others_once():
    """Each of its reads ends in a timeout of its own; it is asked anew, and waited for again once it has answered."""
    hangs = [threading.Event() for _ in range(3)]
    hung, well = Stand("hung", *hangs), Stand("well")
    shift_s = [0.0]
    both = together(hung, well, wait_s=NOW_S, elapsed=lambda: time.monotonic() + shift_s[0])
    for second, event in enumerate(hangs):
        began_s = time.monotonic()
        assert ("well", second) in told(both.read(tick(second)))
        took_s = time.monotonic() - began_s
        assert took_s < SOON_S if second else took_s > 0.9 * NOW_S
        both.wait_s = SOON_S
        until(lambda second=second: len(hung.ticks) == second + 1)  # its read has begun
        shift_s[0] += 1.5 * SOON_S
        event.set()
        until(lambda: not both._answers.empty())

    assert hung.ticks == [tick(0), tick(1), tick(2)]
    both.wait_s = 10 * SOON_S
    assert told(both.read(tick(3))) == [("hung", 2), ("hung", 3), ("well", 3)]


def test_what_was_said_within_a_source_is_not_said_again():
    """Several exporters of one source among other sources: each is known by its own name."""
    inner = together(Stand("http://a", *[SourceError("http://a is down")] * 2), Stand("http://b"), once=False)
    both = Together({"dcgm": inner, "well": Stand("well")}, wait_s=SOON_S)
    with capture_logs() as said:
        for second in range(2):
            with pytest.raises(SourceError, match=r"^dcgm: http://a is down$"):
                both.read(tick(second))

    assert lines(said) == ["http://a cannot be read; retrying at each of its ticks"]


def test_sources_of_one_kind_are_read_at_each_tick_whatever_their_period():
    """The operator's period is then theirs."""
    slow = Stand("slow", period_s=60)
    both = together(slow, own_periods=False)
    both.read(tick(1, 100))

    assert slow.ticks == [tick(1, 100)]


def test_the_status_of_many_is_a_count():
    """A status line has one line."""
    both = together(*[Stand(str(number)) for number in range(5)], Stand("bad", SourceError("down")))
    with capture_logs(), pytest.raises(SourceError):
        both.read(tick(0))

    assert both.status() == "5 of 6 answer"


def test_a_hanging_source_is_said_once_and_so_is_its_return():
    """It counts as a failed read from then on; what is slow by less is nobody's trouble."""
    let_go = threading.Event()
    hung, well = Stand("hung", let_go), Stand("well")
    now_s = [0.0]
    both = together(hung, well, wait_s=NOW_S, elapsed=lambda: now_s[0])
    with capture_logs() as said:
        both.read(tick(0))
        both.wait_s = SOON_S
        both.read(tick(1))
        now_s[0] = 12.0
        for second in (2, 3):
            with pytest.raises(SourceError, match=r"^hung has not answered in time$") as failed:
                both.read(tick(second))
            assert told(failed.value.batches) == [("well", second)]
        assert re.fullmatch(r"hung not answering, well \d+ ms", both.status())
        let_go.set()
        until(lambda: not both._answers.empty())
        both.read(tick(4))

    assert lines(said) == ["hung has not answered for 12 s; continuing without it", "hung answers again"]


def test_what_fails_costs_the_others_nothing():
    """The failure comes with their batches, and with what could be read of the source itself."""
    half = Batch("half", build(1, {"ts": START_MS}))
    bad = Stand("bad", SourceError("no driver", batches=[half]))
    both = together(bad, Stand("well"))
    with capture_logs(), pytest.raises(SourceError, match=r"^bad: no driver$") as failed:
        both.read(tick(0))

    assert told(failed.value.batches) == [("half", 0), ("well", 0)]
    assert both.counts["bad"].failures == 1
    assert both.status().startswith("bad failing, well ")


def test_each_source_is_said_to_fail_and_to_recover_by_its_name():
    """A reason is one line until that source is read again, whatever the others do meanwhile."""
    down = SourceError("down")
    flaky, dead = Stand("flaky", down, down, None, down), Stand("dead", *[SourceError("no driver")] * 9)
    both = together(flaky, dead, Stand("well"))
    with capture_logs() as said:
        for second in range(5):
            with pytest.raises(SourceError):
                both.read(tick(second))

    assert sorted(line["reason"] for line in said if "reason" in line) == ["down", "down", "no driver"]
    assert [event for event in lines(said) if event.startswith("flaky")] == [
        "flaky cannot be read; retrying at each of its ticks",
        "flaky answers again",
        "flaky cannot be read; retrying at each of its ticks",
        "flaky answers again",
    ]


def test_the_sampler_counts_a_partial_failure_and_says_nothing_twice():
    """One of two sources has no driver for an hour: one line, and every sample of the other."""
    both = together(Stand("dead", *[SourceError("no driver")] * 10_000), Stand("well"))
    now_s, stop, published = [START_MS / 1000], threading.Event(), []

    def sleep(seconds):
        now_s[0] += seconds
        if now_s[0] > START_MS / 1000 + 100:
            stop.set()

    clock = Clock(now=lambda: now_s[0])
    sampler = Sampler(both, published.append, period_s=1, stop=stop, clock=clock, sleep=sleep)
    with capture_logs() as said:
        sampler.run()

    assert lines(said) == ["dead cannot be read; retrying at each of its ticks"]
    assert sampler.counts.reads == {Outcome.OK: 0, Outcome.NOTHING: 0, Outcome.FAILED: 100}
    assert len(published) == 100


def test_a_defect_of_one_source_is_one_line_and_not_the_end_of_the_rest():
    """The line tells where it is."""
    broken = Stand("broken", *[ZeroDivisionError("division by zero")] * 2)
    both = together(broken, Stand("well"))
    with capture_logs() as said:
        for second in range(2):
            with pytest.raises(SourceError) as failed:
                both.read(tick(second))
            assert told(failed.value.batches) == [("well", second)]
        both.read(tick(2))

    assert [line["reason"].partition("(")[0] for line in said if "reason" in line] == [
        "unexpected ZeroDivisionError: division by zero "
    ]
    assert "(test_together.py:" in said[0]["reason"]


def test_a_source_that_is_done_is_not_read_again_and_the_last_one_ends_it():
    """A recording that ends is no failure."""
    short, long = Stand("short", SourceDoneError()), Stand("long", None, None, SourceDoneError())
    both = together(short, long)

    assert [told(both.read(tick(second))) for second in range(3)] == [[("long", 0)], [("long", 1)], []]
    assert len(short.ticks) == 1
    with pytest.raises(SourceDoneError):
        both.read(tick(3))


def test_what_is_added_is_read_from_the_next_tick_on():
    """Hardware appears while the rest is read."""
    both = together(Stand("a"))
    both.read(tick(0))
    both.add("b", Stand("b"))

    assert told(both.read(tick(1))) == [("a", 1), ("b", 1)]


def test_once_reads_every_source_whatever_its_period():
    """Nothing is said on the way: whoever asked is told all reasons at once."""
    slow, bad = Stand("slow", period_s=60), Stand("bad", SourceError("no driver"))
    both = together(slow, bad, once=True)
    with capture_logs() as said, pytest.raises(SourceError, match=r"^bad: no driver$") as failed:
        both.read(tick(7))

    assert told(failed.value.batches) == [("slow", 7)]
    assert slow.ticks == [tick(7, 60_000)]
    assert said == []


def test_once_names_what_does_not_answer():
    """There is no next tick for it."""
    let_go = threading.Event()
    both = together(Stand("hung", let_go), Stand("well"), once=True, wait_s=NOW_S)
    with pytest.raises(SourceError, match=r"^hung has not answered in time$") as failed:
        both.read(tick(0))
    let_go.set()

    assert told(failed.value.batches) == [("well", 0)]


def test_closing_closes_every_source_and_waits_for_no_read():
    """One is in the middle of a read that does not end."""
    let_go = threading.Event()
    hung, well = Stand("hung", let_go), Stand("well")
    both = together(hung, well, wait_s=NOW_S)
    both.read(tick(0))
    with capture_logs():
        both.close()
        both.close()

    assert hung.reading == 1
    assert hung.closed.is_set()
    assert well.closed.is_set()
    let_go.set()


def test_a_source_that_does_not_close_is_left_alone():
    """It is said, as is one that fails to."""
    let_go = threading.Event()

    class Stuck(Stand):
        def close(self):
            let_go.wait(SOON_S)

    class Broken(Stand):
        def close(self):
            raise OSError("gone")

    both = together(Stuck("stuck"), Broken("broken"), Stand("well"), closes_within_s=NOW_S)
    began_s = time.monotonic()
    with capture_logs() as said:
        both.close()
    let_go.set()

    assert time.monotonic() - began_s < SOON_S / 2
    assert {"stuck does not close; abandoning it", "broken does not close"} < set(lines(said))


def test_what_is_added_after_the_end_is_closed():
    """It was being opened while the rest was closed."""
    both = together()
    both.close()
    late = Stand("late")
    both.add("late", late)

    assert late.closed.is_set()
    assert both.counts == {}


class Scripted(Stand):
    """Its reads hang until they are let go, fail, or answer, as the schedule says; each hang ends at a later tick."""

    def __init__(self, name, plan, period_s):
        self.hangs = [threading.Event() if step == "hang" else None for step in plan]
        script = [
            SourceError("down") if step == "fail" else event for step, event in zip(plan, self.hangs, strict=True)
        ]
        super().__init__(name, *script, period_s=period_s)

    def let_go(self):
        for event in self.hangs:
            if event:
                event.set()


plans = st.lists(st.sampled_from(["answer", "hang", "fail"]), min_size=12, max_size=12)
schedules = st.lists(st.tuples(plans, st.sampled_from([1, 2, 3])), min_size=1, max_size=3)


@settings(max_examples=25, deadline=None)
@given(schedule=schedules, rescues=st.sets(st.integers(0, 11)))
def test_whatever_hangs_or_fails_nothing_is_lost_or_doubled(schedule, rescues):
    """Each read that did not fail is told exactly once, in order, and no source is asked while it is read."""
    stands = [Scripted(str(number), *case) for number, case in enumerate(schedule)]
    both = together(*stands, wait_s=0.002)
    out = defaultdict(list)

    def read(second):
        try:
            batches = both.read(tick(second))
        except SourceError as error:
            batches = error.batches
        for batch in batches:
            out[batch.key] += [second for _, second in told([batch])]

    with capture_logs():
        for second in range(12):
            read(second)
            if second in rescues:
                for stand in stands:
                    stand.let_go()
        for stand in stands:
            stand.let_go()
        until(lambda: both._answers.qsize() == sum(member.asked_s is not None for member in both._readers))
        both.wait_s = SOON_S
        read(12)
        read(18)
        both.close()

    for stand in stands:
        asked = [(one.ts_ms - START_MS) // 1000 for one in stand.ticks]
        failed = [second for second, step in zip(asked, schedule[int(stand.name)][0], strict=False) if step == "fail"]
        assert out[stand.name] == [second for second in asked if second not in failed]
        assert all(second % stand.default_period_s == 0 for second in asked)
        assert both.counts[stand.name].reads == len(asked)
        assert both.counts[stand.name].failures == len(failed)
