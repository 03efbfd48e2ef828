"""What the audit proves, and that it fails where that does not hold."""

import datetime as dt
import time

import pytest
from clickhouse_connect.driver.client import Client

from schema import encoding
from schema.readback import LogRecord
from streams import audit
from streams.audit import LedgerBlock, Rulings, check_ledger, check_log, check_sums, read_sums
from tests.batches import NOW_MS, batch

DAY_S = 86_400


def block(first: int, last: int, samples: int = 1, energy_j: float = 500.0, **other: object) -> LedgerBlock:
    return LedgerBlock(0, first, last, samples, 0, energy_j, **other)


def record(offset: int, power_w: float = 500.0) -> LogRecord:
    return LogRecord(0, offset, NOW_MS, None, encoding.encode(batch(power_w=power_w)), {})


class TestLedger:
    def test_blocks_that_follow_each_other_hold(self):
        found = check_ledger([block(0, 4), block(5, 5), block(6, 9)])

        assert (found.holds, found.detail) == (True, "3 blocks of 1 partitions, no gap and no overlap")

    def test_a_gap_fails(self):
        found = check_ledger([block(0, 4), block(6, 9)])

        assert (found.holds, found.detail) == (False, "partition 0: 5 to 5 are missing")

    @pytest.mark.parametrize("first", [4, 0])
    def test_an_overlap_fails(self, first):
        found = check_ledger([block(0, 4), block(first, 9)])

        assert (found.holds, found.detail) == (False, f"partition 0: {first} is stored twice")

    def test_what_is_lost_is_no_gap_and_is_said(self):
        found = check_ledger([block(0, 4), block(5, 9, lost=3)])

        assert found.holds
        assert "; 3 " in found.detail

    def test_the_first_block_of_a_partition_follows_none(self):
        assert check_ledger([block(7, 9), LedgerBlock(1, 100, 101, 1, 0, 1.0)]).holds


class TestLog:
    def test_what_the_log_holds_is_what_the_ledger_says(self):
        found = check_log([block(0, 1, samples=2, energy_j=800.0)], [record(0), record(1, power_w=300.0)])

        assert (found.holds, found.detail) == (True, "1 blocks read back: 2 samples, 0 rejected, 800.000000 J")

    @pytest.mark.parametrize(
        "stored",
        [
            block(0, 1, samples=3, energy_j=800.0),
            block(0, 1, samples=1, energy_j=800.0),
            block(0, 1, samples=2, energy_j=800.0 * (1 + 3e-9)),
            LedgerBlock(0, 0, 1, 2, 1, 800.0),
        ],
    )
    def test_a_sample_or_a_joule_that_is_too_many_or_too_few_fails(self, stored):
        found = check_log([stored], [record(0), record(1, power_w=300.0)])

        assert not found.holds
        assert found.detail.startswith("partition 0 offsets 0 to 1: the topic holds 2 samples, 0 rejected, 800.0 J")

    def test_a_difference_below_the_contracts_limit_is_none(self):
        assert check_log([block(0, 0, energy_j=500.0 * (1 + 0.5e-9))], [record(0)]).holds

    def test_a_message_that_cannot_be_decoded_is_one_refused_row(self):
        broken = LogRecord(0, 0, NOW_MS, None, b"?", {})

        assert check_log([LedgerBlock(0, 0, 0, 0, 1, 0.0)], [broken]).holds
        assert not check_log([LedgerBlock(0, 0, 0, 1, 0, 0.0)], [broken]).holds

    def test_labels_that_a_commit_was_denied_are_refused_in_it_alone(self):
        rulings = Rulings({("north", "train", "nvidia", "h100-sxm"): 5}, {"denied": 4, "admitted": 5})

        assert check_log([LedgerBlock(0, 0, 0, 0, 1, 0.0, "denied")], [record(0)], rulings).holds
        assert check_log([block(0, 0, commit_id="admitted")], [record(0)], rulings).holds
        assert not check_log([block(0, 0, commit_id="denied")], [record(0)], rulings).holds


def sums(
    client: Client,
    ago_s: int,
    energy_j: float = 1000.0,
    resolutions: tuple[int, ...] = (1, 60, 3600),
    samples: int = 2,
) -> None:
    """Store sums of so long ago at these resolutions."""
    at = int(time.time()) - ago_s
    client.insert(
        "power_sums",
        [
            [one, at // one * one, "north", "train", "nvidia", "h100-sxm", "counter", energy_j, samples]
            for one in resolutions
        ],
        ["resolution_s", "time", "site", "fleet", "platform", "model", "power_method", "energy_j", "samples"],
    )


def ledger(client: Client, ago_s: int, first: int, energy_j: float = 1000.0) -> None:
    """Store a block of ten messages so long ago."""
    names = ["topic", "kafka_partition", "offset_from", "offset_to", "samples", "energy_j", "stored_at", "log"]
    at = dt.datetime.fromtimestamp(time.time() - ago_s, dt.UTC)
    client.insert("ingest_blocks", [["chip.samples", 0, first, first + 9, 2, energy_j, at, "log"]], column_names=names)


def checked(client: Client) -> audit.Finding:
    return check_sums(lambda: read_sums(client), lambda: None, 1)


class TestSums:
    """By what is kept: seconds for 32 days, minutes for two years, hours and the sums of the ledger for ever."""

    def test_data_that_is_older_than_every_retention_holds(self, client):
        for number, days in enumerate((800, 400, 95, 40, 10, 0)):
            sums(client, days * DAY_S)
            ledger(client, days * DAY_S, 10 * number)
        for table in ("power_sums", "ingest_blocks"):
            client.command(f"OPTIMIZE TABLE {table} FINAL")

        assert client.query("SELECT count() FROM power_by_second").result_rows == [(2,)]
        assert client.query("SELECT count() FROM power_by_minute").result_rows == [(5,)]
        assert client.query("SELECT count() FROM ingest_blocks").result_rows == [(4,)]
        found = checked(client)
        assert (found.holds, found.detail) == (True, "6000.000000 J and 12 samples at every resolution")
        blocks = audit.read_ledger(client, "log", "chip.samples")
        assert (blocks[0].offset_from, blocks[0].offset_to, blocks[0].energy_j) == (0, 29, 3000)
        assert check_ledger(blocks).holds

    @pytest.mark.parametrize("missing", [1, 60, 3600])
    def test_a_resolution_that_lacks_a_joule_fails(self, client, missing):
        sums(client, 100)
        ledger(client, 100, 0)
        sums(client, DAY_S, resolutions=tuple({1, 60, 3600} - {missing}))
        ledger(client, DAY_S, 10)

        assert not checked(client).holds

    def test_a_minute_that_differs_from_its_hour_fails_when_seconds_are_gone(self, client):
        sums(client, 100 * DAY_S, resolutions=(60,), energy_j=1000.1)
        sums(client, 100 * DAY_S, resolutions=(3600,))
        ledger(client, 100 * DAY_S, 0)

        found = checked(client)
        assert not found.holds
        assert found.detail.startswith("of two years: minutes 1000.1 J 2 samples, hours 1000.0 J 2 samples")

    def test_a_sample_more_fails_though_the_joules_are_the_same(self, client):
        """A chip that draws nothing is one of them."""
        sums(client, 100, samples=3)
        ledger(client, 100, 0)

        assert not checked(client).holds

    @pytest.mark.parametrize("blocks", [0, 2])
    def test_a_ledger_that_says_something_else_fails(self, client, blocks):
        sums(client, 100)
        for number in range(blocks):
            ledger(client, 100, 10 * number)

        assert not checked(client).holds

    def test_a_block_in_the_making_is_waited_for(self):
        whole = {"ever": {"ledger": (1.0, 1), "hours": (1.0, 1)}}
        read = iter([{"ever": {"ledger": (0.0, 0), "hours": (1.0, 1)}}, whole])

        assert check_sums(lambda: next(read), lambda: None, 2).holds
