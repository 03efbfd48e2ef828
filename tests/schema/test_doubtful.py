"""Chips that are reported twice, on the real engine: samples go through the worker's own code, message by message."""

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pyarrow as pa
import pytest
from clickhouse_connect.driver.client import Client

from schema import encoding
from schema.clickhouse import connect
from streams.blocks import Block, Commit, LogMessage, Span
from streams.process import Processor
from streams.store import Store
from tests import engine as engines
from tests.batches import batch

AGE_S = 20
"""The first sample of each test ends so long ago."""


@dataclass
class Log:
    """Workers that store what arrives; a worker is known by its name, and remembers."""

    store: Store
    client: Client
    start_s: int
    _workers: dict[str, Processor] = field(default_factory=dict)
    _offsets: Callable[[], int] = field(default_factory=lambda: itertools.count().__next__)

    def arrives(self, *batches: pa.RecordBatch, partition: int = 0, worker: str = "one", again: bool = False) -> None:
        """Store messages as one commit; `again` stores it once more, as who was interrupted would."""
        first = self._offsets() * 100
        messages = [
            LogMessage(partition, first + number, int(time.time() * 1000), encoding.encode(one), None)
            for number, one in enumerate(batches)
        ]
        commit = Commit(f"commit-{first}", [Block(Span(partition, first, first + 99), messages)])
        for _ in range(1 + again):
            done = self._workers.setdefault(worker, Processor()).process(commit)
            assert not done.refusals
            self.store.store(done)

    def second(self, nth: float, *, chips: int = 2, interval_s: float = 1.0, **fields) -> pa.RecordBatch:
        """Return a sample of each chip that ends `nth` seconds after the first."""
        return batch(
            ts=[int((self.start_s + nth) * 1000)] * chips,
            interval_ms=int(interval_s * 1000),
            **{"chip": [f"GPU-{chip}" for chip in range(chips)], **fields},
        )

    def doubtful(self, *columns: str) -> list[tuple]:
        """Return the doubtful chips second by second; `nth` is the second that ends so long after the first."""
        wanted = ", ".join(columns or ("nth", "chip"))
        return self.client.query(
            f"SELECT toInt32(toUnixTimestamp(time) + 1 - {self.start_s}) AS nth, {wanted.replace('nth, ', '')}"
            " FROM doubtful_chips ORDER BY time, fleet, platform, chip"
        ).result_rows


@pytest.fixture
def log(engine: engines.Engine, client: Client) -> Log:
    store = Store(lambda: connect(engine.url), topic="chip.samples", log="log", worker="worker")
    return Log(store, client, int(time.time()) - AGE_S)


class TestReportedTwice:
    """What is marked."""

    def test_two_hosts_that_report_a_chip_in_one_commit(self, log):
        log.arrives(log.second(0, host="a"), log.second(0, host="b", chips=1))

        assert log.doubtful("hosts", "methods", "samples", "chip_seconds", "power_w") == [
            (0, ["a", "b"], ["counter"], 2, 2.0, 1000.0)
        ]

    def test_two_hosts_in_different_commits_partitions_and_workers(self, log):
        log.arrives(log.second(0, host="a"), partition=1, worker="one")
        log.arrives(log.second(0, host="b", power_w=[100.0, 300.0]), partition=2, worker="two")

        assert log.doubtful("chip", "hosts", "power_w") == [
            (0, "GPU-0", ["a", "b"], 600.0),
            (0, "GPU-1", ["a", "b"], 800.0),
        ]

    def test_two_methods_on_one_host(self, log):
        """The driver's counter and an exporter's sensor."""
        log.arrives(log.second(0), log.second(1))
        log.arrives(log.second(1, chips=1, power_method="sensor", power_w=490.0))

        assert log.doubtful("chip", "hosts", "methods") == [(1, "GPU-0", ["host-0"], ["counter", "sensor"])]

    def test_two_producers_that_are_alike_in_all(self, log):
        """Their messages differ in nothing but their offset: in one commit, and from one to the next."""
        log.arrives(log.second(0), log.second(0))
        log.arrives(log.second(1))
        log.arrives(log.second(1))

        assert log.doubtful() == [(0, "GPU-0"), (0, "GPU-1"), (1, "GPU-0"), (1, "GPU-1")]

    def test_two_producers_that_are_alike_in_different_partitions_and_workers(self, log):
        """Whoever chooses partitions in another way."""
        log.arrives(log.second(0), partition=1, worker="one")
        log.arrives(log.second(0), partition=2, worker="two")

        assert log.doubtful() == [(0, "GPU-0"), (0, "GPU-1")]

    def test_a_producer_that_names_one_chip_of_a_host_of_many(self, log):
        """Its messages have another layout, in the same partition."""
        log.arrives(log.second(0, chips=8))
        log.arrives(log.second(1, chips=8), log.second(1, chip=["GPU-5"], chips=1))
        log.arrives(log.second(2, chip=["GPU-5"], chips=1))
        log.arrives(log.second(2, chips=8))

        assert log.doubtful() == [(1, "GPU-5"), (2, "GPU-5")]

    def test_a_producer_of_which_seconds_begin_half_way(self, log):
        """The second between is covered twice, and of those at the ends a half."""
        for nth in range(3):
            log.arrives(log.second(nth, host="a"), log.second(nth + 0.5, host="b"))

        assert {nth for nth, _ in log.doubtful()} == {1, 2}

    def test_several_reads_in_a_message(self, log):
        reads = [log.second(nth) for nth in range(3)]
        together = pa.Table.from_batches(reads).combine_chunks().to_batches()[0]
        log.arrives(together)
        log.arrives(log.second(2))

        assert log.doubtful() == [(2, "GPU-0"), (2, "GPU-1")]

    def test_a_minute_of_trainium_that_comes_twice(self, log):
        """The two producers read at other moments, and their minutes overlap."""
        told = {"platform": "trainium", "model": "trn2", "power_method": "percent", "interval_s": 60, "chips": 1}
        log.arrives(log.second(0, host="a", **told))
        log.arrives(log.second(10, host="b", **told))

        assert [nth for nth, _ in log.doubtful()] == list(range(-49, 1))

    def test_a_chip_of_which_one_report_has_no_power(self, log):
        """It counts twice in utilization."""
        log.arrives(log.second(0, host="a"), log.second(0, host="b", power_w=None, power_method=None))

        assert log.doubtful("chip", "methods", "power_w") == [
            (0, "GPU-0", ["counter"], 500.0),
            (0, "GPU-1", ["counter"], 500.0),
        ]

    def test_both_fleets_of_a_chip_whose_reports_name_two_platforms(self, log):
        log.arrives(log.second(0, chips=1), log.second(0, chips=1, platform="amd", model="mi300x", host="b"))

        assert log.doubtful("platform", "chip") == [(0, "amd", "GPU-0"), (0, "nvidia", "GPU-0")]


class TestNotReportedTwice:
    """What is not marked."""

    def test_a_chip_that_moves_to_another_host_between_two_seconds(self, log):
        log.arrives(log.second(0, host="a"), log.second(1, host="a"))
        log.arrives(log.second(2, host="b"), log.second(3, host="b"), partition=2, worker="two")

        assert log.doubtful() == []

    def test_a_chip_that_moves_within_a_second(self, log):
        """The second has half of each."""
        log.arrives(log.second(0.5, host="a"), log.second(1.5, host="b"))

        assert log.doubtful() == []

    def test_a_chip_that_moves_to_a_host_whose_clock_is_a_little_ahead(self, log):
        log.arrives(log.second(0, host="a"), log.second(0.7, host="b"), log.second(1.7, host="b"))

        assert log.doubtful() == []

    def test_a_source_that_goes_over_to_another_method(self, log):
        log.arrives(log.second(0), log.second(1, power_method="sensor"), log.second(2))

        assert log.doubtful() == []

    def test_intervals_that_touch_or_overlap_by_a_little(self, log):
        """Of a source that states a whole second, and is read a little earlier or later."""
        log.arrives(*[log.second(nth) for nth in (0, 1, 1.98, 3.01, 4)])

        assert log.doubtful() == []

    def test_samples_that_come_late_and_in_another_order(self, log):
        log.arrives(log.second(5), log.second(6))
        log.arrives(log.second(1), log.second(0))
        log.arrives(log.second(4, interval_s=3))

        assert log.doubtful() == []

    def test_periods_that_change(self, log):
        log.arrives(log.second(0, interval_s=10), log.second(0.1, interval_s=0.1), log.second(2.1, interval_s=2))

        assert log.doubtful() == []

    def test_minutes_of_devices_that_end_one_after_the_other(self, log):
        told = {"platform": "trainium", "model": "trn2", "power_method": "percent", "interval_ms": 60_000}
        ends = [(log.start_s - 80 + 10 * chip) * 1000 for chip in range(4)]
        for minute in range(2):
            log.arrives(batch(ts=[end + minute * 60_000 for end in ends], chip=list("abcd"), **told))

        assert log.doubtful() == []

    def test_a_commit_that_is_stored_again(self, log):
        log.arrives(log.second(0), log.second(1), again=True)

        assert log.doubtful() == []

    def test_the_same_name_in_another_fleet_or_site(self, log):
        log.arrives(log.second(0), log.second(0, fleet="serve", host="b"), log.second(0, site="south", host="c"))

        assert log.doubtful() == []

    def test_meters(self, log):
        """A rack's reading comes in parts, and may come from two managers."""
        told = {"model": "rack-meter", "power_method": "meter", "host": "rack"}
        log.arrives(log.second(0, **told), log.second(0, **told), log.second(0, **{**told, "host": "other"}))

        assert log.doubtful() == []


def test_fleets_that_count_chips_twice(log):
    """With what those chips count for, and by whom; a chip of another fleet is not among them."""
    for nth in range(3):
        log.arrives(log.second(nth, host="a"), log.second(nth, host="b", power_w=[100.0, 300.0]))
        log.arrives(log.second(nth, host="c", fleet="serve"))

    rows = log.client.query(
        "SELECT site, fleet, platform, toUInt32(time), chips, hosts, methods, power_w FROM doubtful_fleets"
    ).result_rows
    assert rows == [("north", "train", "nvidia", log.start_s + 1, 2, ["a", "b"], ["counter"], 1400.0)]


def test_the_views_can_be_asked_from_another_database_and_after_a_restart(log, engine):
    """Detaching is what a restart does to a view: its text is read again."""
    log.arrives(log.second(0, host="a"), log.second(0, host="b"))
    for name in ("doubtful_chips_between", "doubtful_chips", "doubtful_fleets_between", "doubtful_fleets"):
        log.client.command(f"DETACH TABLE {name}")
        log.client.command(f"ATTACH TABLE {name}")

    elsewhere = connect(engine.url, database=None)
    assert elsewhere.query("SELECT chips FROM gigawatt.doubtful_fleets").result_rows == [(2,)]
    assert elsewhere.query("SELECT count() FROM gigawatt.doubtful_chips").result_rows == [(2,)]
    elsewhere.close()


def test_a_past_moment_can_be_asked_again(log):
    """What was doubtful then, though it is not any more."""
    log.start_s -= 3600
    log.arrives(log.second(0, host="a"), log.second(0, host="b"))
    log.start_s += 3600
    log.arrives(log.second(0, host="a"))

    ask = "SELECT count() FROM doubtful_chips_between(since = toDateTime({}), until = toDateTime({}))"
    counts = [
        log.client.query(ask.format(log.start_s - back - 90, log.start_s - back)).result_rows[0][0]
        for back in (0, 3590, 3700)
    ]
    assert counts == [0, 2, 0]
    assert log.doubtful() == []


def test_of_a_fleet_that_is_reported_twice_as_a_whole_a_thousand_chips_are_looked_at(log):
    """Of another fleet all the same those that are: each chip with all of its reports."""
    for twin in ("", "-twin"):
        log.arrives(*[log.second(0, host=f"{rack}{twin}", chip=[f"{rack}/{chip}" for chip in range(8)], chips=8)
                      for rack in range(150)])  # fmt: skip
        log.arrives(log.second(0, host=f"other{twin}", fleet="serve"))

    rows = log.client.query("SELECT fleet, chips FROM doubtful_fleets ORDER BY fleet").result_rows
    assert rows == [("serve", 2), ("train", 1000)]


def test_chips_that_changed_their_partition_hide_no_chip_that_is_reported_twice(log):
    """Partitions were added: of so many suspects those that differ by no host are looked at last."""
    hosts = [{"host": f"host-{host}", "chip": [f"host-{host}/{chip}" for chip in range(8)]} for host in range(150)]
    for nth, partition in ((0, 1), (1, 2)):
        twice = [log.second(nth, host=host, chips=1) for host in ("a", "b")]
        same = [log.second(nth, chips=8, **host) for host in hosts]
        log.arrives(*twice, *same, partition=partition, worker=f"of {partition}")

    assert log.doubtful() == [(0, "GPU-0"), (1, "GPU-0")]
