"""Samples of several reads go in one message: none is lost, late by more than was asked for, or out of its order."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from producers.gathered import Gathered, joined
from producers.sampler import Clock
from producers.sink import Sent
from producers.source import Batch
from tests.batches import NOW_MS, batch
from tests.producers.hosts import stacks


class Sink:
    """Keeps what it is given."""

    def __init__(self):
        self.sent, self.parts, self.closed, self.watched = Sent(), [], False, 0

    def publish(self, part):
        assert not self.closed
        self.parts.append(part)

    def watch(self):
        self.watched += 1

    def waiting_bytes(self):
        return 7

    def close(self, timeout_s):
        self.closed = True


class Time:
    """A clock and a stopwatch that are set by hand."""

    def __init__(self, now_s=1_790_000_000.0):
        self.now_s = now_s
        self.elapsed_s = 50.0

    def clock(self):
        return Clock(lambda: self.now_s, lambda: self.elapsed_s)

    def forward(self, seconds):
        self.now_s += seconds
        self.elapsed_s += seconds


def read(second, host="node-1", **columns):
    """Return what a host of two chips shows at a second."""
    chips = [f"{host}/0", f"{host}/1"]
    return Batch(host, batch(ts=NOW_MS + 1000 * second, host=host, chip=chips, power_w=float(second), **columns))


def run(seconds, every_s=5.0, period_s=1.0, hosts=("node-1",), time=None):
    """Read hosts once a period; return the sink, the gathering, and when each message was handed on."""
    time, sink = time or Time(), Sink()
    gathered = Gathered(sink, every_s=every_s, period_s=period_s, clock=time.clock())
    at = []
    for second in range(seconds):
        for host in hosts:
            gathered.publish(read(second, host))
        gathered.watch()
        at += [second] * (len(sink.parts) - len(at))
        time.forward(period_s)
    return sink, gathered, at


def times(part):
    return [(ts.timestamp() * 1000 - NOW_MS) / 1000 for ts in part.samples["ts"].to_pylist()]


def test_five_reads_are_one_message_and_each_sample_has_its_own_time():
    """After the first, which comes when it is the host's turn."""
    sink, _, at = run(31)

    assert len(sink.parts) in (6, 7)
    assert np.diff(at).tolist() == [5] * (len(at) - 1)
    for part in sink.parts[1:]:
        first = times(part)[0]
        assert times(part) == [first + second for second in range(5) for _ in range(2)]
        assert part.key == "node-1"
        assert part.samples["chip"].to_pylist() == ["node-1/0", "node-1/1"] * 5


def test_no_sample_waits_for_longer_than_was_asked_for():
    """The read that comes last before the turn is sent with it."""
    sink, _, at = run(60)

    assert max(sent - first for sent, part in zip(at, sink.parts, strict=True) for first in times(part)) <= 4


def test_hosts_take_turns():
    """All at once would be as many messages as before, in a fifth of the seconds."""
    turns = {run(11, hosts=(f"node-{number}",))[2][0] % 5 for number in range(40)}

    assert turns == {0, 1, 2, 3, 4}


def test_what_is_read_more_seldom_is_sent_at_once():
    """There is nothing to wait for."""
    sink, _, at = run(4, period_s=60.0)

    assert at == [0, 1, 2, 3]
    assert [times(part) for part in sink.parts] == [[second, second] for second in range(4)]


def test_a_source_that_falls_silent_keeps_nothing_back():
    """While a read hangs the samples before it become due."""
    time, sink = Time(), Sink()
    gathered = Gathered(sink, every_s=5.0, period_s=1.0, clock=time.clock())
    gathered.publish(read(0))
    for _ in range(6):
        time.forward(1.0)
        gathered.watch()

    assert len(sink.parts) == 1
    assert sink.watched == 6


def test_a_clock_that_is_set_back_keeps_nothing_back():
    """The time until the turn is taken by the stopwatch."""
    time, sink = Time(), Sink()
    gathered = Gathered(sink, every_s=5.0, period_s=1.0, clock=time.clock())
    gathered.publish(read(0))
    time.now_s -= 3600
    time.elapsed_s += 5
    gathered.watch()

    assert len(sink.parts) == 1


def test_at_the_end_what_is_gathered_is_handed_on_before_the_sink_closes():
    """As after SIGTERM, and after the one read of `--once`."""
    time, sink = Time(), Sink()
    gathered = Gathered(sink, every_s=5.0, period_s=1.0, clock=time.clock())
    gathered.publish(read(0))
    gathered.publish(read(1))
    waiting = gathered.sent.gathered
    gathered.close(1.0)

    assert (waiting, gathered.sent.gathered) == (4, 0)
    assert [times(part) for part in sink.parts] == [[0, 0, 1, 1]]
    assert sink.closed


def test_a_message_does_not_grow_without_end():
    """A source that is read without a pause: after 4,096 rows of a host more saves nothing."""
    sink = Sink()
    gathered = Gathered(sink, every_s=5.0, period_s=0.0, clock=Time().clock())
    for second in range(5000):
        gathered.publish(read(second))
        gathered.watch()

    assert [part.samples.num_rows for part in sink.parts] == [4096, 4096]
    assert gathered.sent.gathered == 10_000 - 2 * 4096


def test_hosts_of_one_producer_stay_apart():
    """Each has its message, in the order of its reads."""
    sink, _, _ = run(11, hosts=("a", "b", "c"))
    messages = [one for part in sink.parts[1:] for one in part]

    assert {one.key for one in messages} == {"a", "b", "c"}
    assert all(set(one.samples["host"].to_pylist()) == {one.key} for one in messages)
    assert all(times(one) == sorted(times(one)) for one in messages)


def test_what_is_of_another_form_is_a_message_of_its_own():
    """A recording may have columns that others do not have."""
    time, sink = Time(), Sink()
    gathered = Gathered(sink, every_s=5.0, period_s=1.0, clock=time.clock())
    gathered.publish(read(0))
    gathered.publish(Batch("node-1", read(1).samples.drop_columns(["job"])))
    gathered.publish(read(2))
    gathered.close(1.0)

    assert [times(part) for part in sink.parts] == [[0, 0, 2, 2], [1, 1]]


@given(st.lists(stacks(present=st.just("full")), min_size=1, max_size=3))
def test_joined_messages_hold_all_rows_of_their_keys_in_order(parts):
    """Stacks of any keys, of which some are alike."""
    alike = [part for part in parts if part.samples.schema == parts[0].samples.schema]
    whole = joined(alike)
    expected = {}
    for part in alike:
        for one in part:
            expected.setdefault(one.key, []).extend(one.samples.to_pylist())

    messages = [whole] if isinstance(whole, Batch) else list(whole)
    assert [str((one.key, one.samples.to_pylist())) for one in messages] == [str(pair) for pair in expected.items()]


def test_other_questions_are_the_sinks_own():
    sink = Sink()
    gathered = Gathered(sink, every_s=5.0, period_s=1.0)

    assert gathered.sent is sink.sent
    assert gathered.waiting_bytes() == 7
