"""Commits in the real store: who cuts first, and what a crash at any step leaves."""

import time
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from schema import encoding
from schema.clickhouse import connect
from streams.blocks import Block, Commit, LogMessage, Span
from streams.decoded import Unwritten
from streams.process import Processor, Stored
from streams.store import Cut, Store
from tests import engine as engines
from tests.batches import batch

NOW_MS = int(time.time() * 1000)
INSERTS = ("power_sums", "sample_batches", "chip_series", "chip_claims", "rejected_rows", "dead_letter_failures")
LEDGER = "ingest_blocks"


class CrashedError(Exception):
    """The worker is gone."""


class Crashes:
    """A client that is gone at the insert into a table: before it was done, or right after it."""

    def __init__(self, client: Client, table: str, *, after: bool) -> None:
        self._client = client
        self._table = table
        self._after = after

    def raw_insert(self, table: str, **insert: Any) -> None:
        if table == self._table and not self._after:
            raise CrashedError
        self._client.raw_insert(table, **insert)
        if table == self._table:
            raise CrashedError

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


def store_of(engine: engines.Engine, worker: str = "one", **crash: Any) -> Store:
    def connected() -> Any:
        client = connect(engine.url)
        return Crashes(client, **crash) if crash else client

    return Store(connected, topic="chip.samples", log="log", worker=worker)


def made(commit_id: str = "commit") -> Stored:
    """Return a commit of two partitions, with a row that is rejected and whose dead letter could not be written."""
    good = batch(ts=NOW_MS, power_w=[100.0, 200.0], chip=["a", "b"])
    bad = batch(ts=NOW_MS, power_w=[300.0, -1.0], chip=["c", "d"])
    blocks = [
        Block(Span(number, 0, 0), [LogMessage(number, 0, NOW_MS, encoding.encode(one), None)])
        for number, one in enumerate((good, bad))
    ]
    stored = Processor().process(Commit(commit_id, blocks))
    return Stored(**{**stored.__dict__, "unwritten": [Unwritten(one, "away") for one in stored.refusals]})


def everything(client: Client) -> dict[str, Any]:
    """Return what stands in each table, as far as twice would show."""
    asked = {
        "power_sums": "SELECT resolution_s, sum(energy_j), sum(samples) FROM power_sums GROUP BY 1 ORDER BY 1",
        "sample_batches": "SELECT sum(rows) FROM sample_batches",
        "chip_series": "SELECT uniqExact(series) FROM chip_series",
        "chip_claims": "SELECT uniqExact(claim) FROM chip_claims",
        "rejected_rows": "SELECT sum(rows) FROM rejected_rows",
        "dead_letters_lost": "SELECT sum(rows) FROM dead_letters_lost",
        LEDGER: "SELECT kafka_partition, samples, rejected, energy_j FROM ingest_blocks ORDER BY 1",
    }
    return {name: [tuple(row) for row in client.query(sql).result_rows] for name, sql in asked.items()}


@pytest.fixture
def whole(engine: engines.Engine, client: Client) -> dict[str, Any]:
    """Give what a commit leaves that nothing disturbed."""
    store_of(engine).store(made())
    found = everything(client)
    for table in (*INSERTS, LEDGER):
        client.command(f"TRUNCATE TABLE {table}")
    return found


def test_a_crash_at_any_step_of_a_commit_is_made_good_by_doing_it_again(engine, client, whole):
    """Before each insert and right after it; whoever comes next has the same messages and tokens."""
    assert whole[LEDGER] == [(0, 2, 0, 300.0), (1, 1, 1, 300.0)]
    assert {row[1:] for row in whole["power_sums"]} == {(600.0, 3)}
    for number, table in enumerate((*INSERTS, LEDGER)):
        for after in (False, True):
            case = f"{table}-{after}"
            with pytest.raises(CrashedError):
                store_of(engine, table=table, after=after).store(made(case))
            in_ledger = client.query("SELECT count() FROM ingest_blocks").result_rows
            assert in_ledger == [(2 if table == LEDGER and after else 0,)], (number, case)

            store_of(engine, "two").store(made(case))
            store_of(engine, "three").store(made(case))
            assert everything(client) == whole, case
            for one in (*INSERTS, LEDGER):
                client.command(f"TRUNCATE TABLE {one}")


@pytest.mark.usefixtures("client")
def test_the_first_cut_under_a_name_counts_whoever_comes_later(engine):
    first = Commit("first", [Block(Span(0, 0, 9), []), Block(Span(1, 5, 6), [])])
    later = Commit("later", [Block(Span(0, 0, 4), []), Block(Span(2, 0, 0), [])])
    theirs = {(0, 0): Cut(Span(0, 0, 9), "first"), (1, 5): Cut(Span(1, 5, 6), "first")}

    assert store_of(engine).agree(first) == theirs
    assert store_of(engine, "two").agree(later) == {(0, 0): theirs[0, 0], (2, 0): Cut(Span(2, 0, 0), "later")}
    assert store_of(engine).agree(first) == theirs
    assert store_of(engine, "three").agreed([(0, 0), (1, 5), (7, 7)]) == theirs
    assert store_of(engine).members("first") == [Span(0, 0, 9), Span(1, 5, 6)]
    assert store_of(engine).members("later") == [Span(2, 0, 0)]
