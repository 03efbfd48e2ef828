"""Whether a producer lives and is ready, by what it left of itself."""

from collections import Counter

import pytest

from producers.metrics import SENT, Figure, ProducerMetrics
from producers.sampler import Counts, Outcome
from producers.sink import Sent
from producers.watched import SILENT_S, Watched


class Sampling:
    """A sampler's state, set by the test."""

    def __init__(self, period_s=1.0):
        self.period_s, self.counts, self.reading_s = period_s, Counts(), 0.0

    def reads_for_s(self):
        return self.reading_s


class Sending:
    """A sink's state, set by the test."""

    def __init__(self):
        self.sent, self.waiting = Sent(), 0

    def waiting_bytes(self):
        return self.waiting


@pytest.fixture
def watched():
    now_s = [100.0]
    watched = Watched("auto", waiting_for="Kafka at node:9092", clock=lambda: now_s[0])
    watched.now_s = now_s
    return watched


@pytest.fixture
def reading(watched):
    watched.begin(Sampling(), Sending())
    watched.sampler.counts.last_outcome = Outcome.OK
    watched.turned()
    return watched


def figures(watched):
    return {sample.name: sample.value for family in ProducerMetrics(watched).collect() for sample in family.samples}


def test_who_waits_for_the_broker_lives_and_is_not_ready(watched):
    watched.now_s[0] = 1e6

    assert (watched.alive(), watched.ready()) == ("", "waiting: Kafka at node:9092")
    assert figures(watched)["gigawatt_producer_broker_up"] == 0


def test_who_reads_and_delivers_is_ready(reading):
    reading.now_s[0] += SILENT_S - 1

    assert (reading.alive(), reading.ready()) == ("", "")
    assert figures(reading)["gigawatt_producer_broker_up"] == 1


def test_a_loop_that_does_not_turn_is_told_but_may_sleep_for_its_period(reading):
    reading.sampler.period_s = 60.0
    reading.now_s[0] += 120.0
    assert reading.alive() == ""

    reading.sampler.period_s = 1.0
    assert reading.alive() == "the loop has been blocked for 120 s"


def test_before_the_first_read_nobody_is_ready(watched):
    watched.begin(Sampling(), Sending())

    assert watched.ready() == "no read has finished yet"


def test_a_read_that_fails_or_hangs_is_told(reading):
    reading.sampler.counts.last_outcome, reading.sampler.counts.failure = Outcome.FAILED, "no driver"
    assert reading.ready() == "the last read failed: no driver"

    reading.sampler.counts.last_outcome = Outcome.NOTHING
    assert reading.ready() == ""

    reading.sampler.reading_s = 45.0
    assert reading.ready() == "a read has been running for 45 s"


def test_a_broker_that_acknowledges_nothing_is_away_until_it_does(reading):
    """Whoever has nothing to send is well."""
    reading.sink.waiting = 1000
    for _ in range(40):
        reading.now_s[0] += 1
        reading.turned()
    assert reading.ready() == "the broker has acknowledged nothing for 40 s: samples wait"
    assert figures(reading)["gigawatt_producer_broker_up"] == 0

    reading.sink.sent.messages += 1
    reading.turned()
    assert reading.ready() == ""


def test_every_figure_of_a_sink_is_shown(reading):
    """By the table in producers/metrics.py: add a line there, and one to docs/metrics.md."""
    fields = [field for field, value in vars(Sent()).items() if not isinstance(value, Counter)]
    for number, field in enumerate(fields, 1):
        setattr(reading.sink.sent, field, number)
    found = figures(reading)

    assert set(SENT) == set(vars(Sent()))
    for number, field in enumerate(fields, 1):
        assert found[SENT[field].name + "_total" * SENT[field].counter] == number


def test_a_figure_may_fall_or_have_reasons():
    """As those of a spool: what waits on disk, and what was dropped and why."""
    waits = Figure("gigawatt_x_samples", "Samples.", counter=False).family(3)
    dropped = Figure("gigawatt_y_samples", "Samples.", label="reason").family(Counter({"full": 2, "age": 1}))

    assert [(one.name, one.value) for one in waits.samples] == [("gigawatt_x_samples", 3)]
    assert [(one.labels["reason"], one.value) for one in dropped.samples] == [("age", 1), ("full", 2)]
