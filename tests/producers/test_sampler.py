import threading

import numpy as np
import pytest
from structlog.testing import capture_logs

from producers.batches import build
from producers.sampler import Clock, Outcome, Sampler
from producers.source import Batch, SourceDoneError, SourceError
from producers.stack import Stack, Stacks
from tests.batches import batch as full

START_S = 1_790_000_000.4


class World:
    """A clock that goes on only while somebody sleeps or reads, and a source that plays a script.

    The script is a list of what each read does: the number of samples, an exception, or a pair of
    that and the seconds it takes. After it the sampler is stopped.
    """

    default_period_s = 1.0

    def __init__(self, *script):
        self.script = list(script)
        self.now_s = START_S
        self.stop = threading.Event()
        self.ticks = []
        self.published = []

    def read(self, tick):
        self.ticks.append(tick)
        step = self.script.pop(0)
        if not self.script:
            self.stop.set()
        result, seconds = step if isinstance(step, tuple) else (step, 0.01)
        self.now_s += seconds
        if isinstance(result, Exception):
            raise result
        return [batch(rows=result)] if result else []

    def close(self):
        pass

    def sleep(self, seconds):
        self.now_s += seconds

    def sampler(self, period_s=1.0):
        clock = Clock(now=lambda: self.now_s, elapsed=lambda: self.now_s)
        return Sampler(self, self.published.append, period_s=period_s, stop=self.stop, clock=clock, sleep=self.sleep)


def batch(rows):
    return Batch("node", build(rows, {"ts": 1}))


def test_ticks_are_the_clocks_multiples_of_the_period():
    """However long reads take, ticks stand at whole periods of the wall clock: they do not drift."""
    world = World(*[(1, 0.3)] * 5)
    world.sampler(period_s=0.5).run()

    assert [tick.ts_ms for tick in world.ticks] == [1_790_000_000_500 + 500 * number for number in range(5)]
    assert {tick.interval_ms for tick in world.ticks} == {500}


def test_rectangles_touch_when_the_period_is_no_whole_millisecond():
    """A third of a second is 333 or 334 ms, such that nothing overlaps or is left out."""
    world = World(*[1] * 9)
    world.sampler(period_s=1 / 3).run()

    for earlier, later in zip(world.ticks, world.ticks[1:], strict=False):
        assert later.ts_ms - later.interval_ms == earlier.ts_ms


def test_a_late_read_skips_ticks_and_counts_them():
    """Ticks that passed during a read are not made up, and the next interval is one period, not more."""
    world = World(1, (1, 3.4), 1)
    sampler = world.sampler()
    sampler.run()

    seconds = [tick.ts_ms // 1000 - 1_790_000_000 for tick in world.ticks]
    assert seconds == [1, 2, 6]
    assert world.ticks[2].interval_ms == 1000
    assert sampler.counts.missed_ticks == 3


def test_nothing_is_not_failed():
    """Samples, nothing to report and a failure are told apart and counted."""
    world = World(2, 0, SourceError("no"), 3)
    sampler = world.sampler()
    with capture_logs():
        sampler.run()

    assert sampler.counts.reads == {Outcome.OK: 2, Outcome.NOTHING: 1, Outcome.FAILED: 1}
    assert sampler.counts.samples == 5
    assert len(world.published) == 2


def test_a_failure_is_logged_once_until_reads_succeed_again():
    """An exporter that is down for an hour is one line, and one more when it is back."""
    down, slow = SourceError("down"), SourceError("slow")
    world = World(1, down, down, slow, down, 1, down, down)
    with capture_logs() as lines:
        world.sampler().run()

    said = [line.get("reason", line["event"]) for line in lines]
    assert said == ["down", "slow", "reads succeed again", "down"]


def test_what_could_be_read_all_the_same_is_published():
    """One of several hosts failed: the samples of the others are not lost."""
    world = World(SourceError("one is down", batches=[batch(4)]), 0)
    sampler = world.sampler()
    with capture_logs():
        sampler.run()

    assert sampler.counts.samples == 4
    assert sampler.counts.reads[Outcome.FAILED] == 1


def test_once_reads_now_and_does_not_wait_for_a_tick():
    """A single read stands at the time it was made."""
    world = World(1, 1)
    world.sampler().run(once=True)

    assert [tick.ts_ms for tick in world.ticks] == [1_790_000_000_400]


def test_once_raises_what_failed():
    """A single read that failed is an error, not a line among others."""
    with pytest.raises(SourceError, match="down"):
        World(SourceError("down"), 1).sampler().run(once=True)


def test_a_source_that_is_done_ends_the_run():
    """That is no failure."""
    world = World(1, SourceDoneError(), 1)
    sampler = world.sampler()
    sampler.run()

    assert len(world.ticks) == 2
    assert sampler.counts.reads[Outcome.FAILED] == 0


def test_a_period_of_zero_reads_until_the_source_is_done():
    """A file is read through as fast as it can be published, also when it is read `once`."""
    world = World(1, 0, 1, SourceDoneError(), 1)
    world.sampler(period_s=0).run(once=True)

    assert len(world.published) == 2
    assert world.now_s < START_S + 0.1


def test_an_error_that_no_source_declares_ends_the_run():
    """A defect is not taken for a failed read."""
    with pytest.raises(ZeroDivisionError):
        World(ZeroDivisionError(), 1).sampler().run()


def test_a_clock_that_is_set_back_does_not_stop_the_sampling():
    """After an hour's step back the sampler goes on from the new time, within a period."""
    world = World(1, (1, -3600.0), 1, 1)
    with capture_logs() as lines:
        world.sampler().run()

    assert world.ticks[2].ts_ms == world.ticks[1].ts_ms - 3600_000 + 1000
    assert [line["event"] for line in lines] == ["the clock was set back; continuing from the new time"]


def test_a_hanging_read_blocks_no_shutdown():
    """Told to stop in the middle of a read that never ends, the sampler ends all the same."""
    hanging, over = threading.Event(), threading.Event()

    class Hanging(World):
        def read(self, tick):
            hanging.set()
            over.wait(200)
            return []

    world = Hanging()
    sampler = Sampler(world, world.published.append, period_s=0.01, stop=world.stop)
    thread = threading.Thread(target=sampler.run)
    with capture_logs():
        thread.start()
        assert hanging.wait(60)
        world.stop.set()
        thread.join(100)
        ended = not thread.is_alive()
    over.set()

    assert ended


def test_the_time_of_each_read_is_measured():
    """The status line and the metrics can say how long reads take."""
    world = World((1, 0.25), (1, 0.5))
    sampler = world.sampler()
    sampler.run()

    assert sampler.counts.read_s == pytest.approx(0.75)
    assert sampler.counts.last_read_s == pytest.approx(0.5)


def test_a_stack_is_passed_on_as_it_is_where_all_of_it_is_sound():
    """Else its messages are, one by one, each without what is wrong in it."""
    sound = Stack(full(chip=["a", "b", "c"]), ["h", "i"], np.array([1, 2]))
    odd = Stack(full(chip=["a", "b\x1b", "c"], utilization=[0.5, 0.5, 7.0]), ["h", "i"], np.array([1, 2]))

    class Source:
        default_period_s = 0.0
        left = [Stacks([sound, odd])]  # noqa: RUF012  of this test alone

        def read(self, tick):
            if not self.left:
                raise SourceDoneError
            return self.left.pop()

        def close(self):
            """Nothing is open."""

    published = []
    sampler = Sampler(Source(), published.append, period_s=0.0, stop=threading.Event())
    with capture_logs() as lines:
        sampler.run()

    assert published[0] is sound
    assert [(one.key, one.samples["chip"].to_pylist()) for one in published[1:]] == [("h", ["a"]), ("i", ["c"])]
    assert published[2].samples["utilization"].to_pylist() == [None]
    assert (sampler.counts.samples, sampler.counts.rejected, sampler.counts.left_out) == (5, 1, {"utilization": 1})
    assert [line["event"] for line in lines] == ["samples are rejected before publishing", "values are left out"]
