"""Trust's panels on the real engine: the ledger's figures, and what is wrong with it."""

import datetime as dt
import time

import pytest

from dashboards.boards import trust
from schema.clickhouse import connect
from schema.fleet import Budget
from schema.migrate import set_budgets
from tests.batches import batch
from tests.dashboards.asking import as_json, ask, query, view

T = int(time.time()) // 3600 * 3600 - 7200
BOARD = as_json(trust.build())


def moment(at_s):
    return None if at_s is None else dt.datetime.fromtimestamp(at_s, dt.UTC)


def block(offset_from, offset_to, *, stored, partition=0, newest=None, delay_s=1.0, **fields):
    """Return a row of the ledger: stored at a second after `T`, its newest sample `delay_s` older."""
    return {
        "topic": "chip.samples", "kafka_partition": partition, "offset_from": offset_from, "offset_to": offset_to,
        "samples": 100, "rejected": 0, "energy_j": 1.0, "stored_at": moment(T + stored), "worker": "one", "log": "log",
        "commit_id": f"{partition}-{stored}", "messages": 1, "lost": 0, "wire_bytes": 1000, "late_samples": 0,
        "newest_ts": moment(T + stored - delay_s) if newest is None else newest,
        "appended_from": moment(T + stored - 0.75), "appended_to": moment(T + stored - 0.5), **fields,
    }  # fmt: skip


def ledger(client, *rows):
    client.insert("ingest_blocks", [list(row.values()) for row in rows], list(rows[0]))


def refused(client, *rows):
    """Store refusals: second after `T`, reason and how many rows."""
    client.insert(
        "rejected_rows",
        [[moment(T + at), reason, count, 0, 1000 + at, f"{reason} at {at}", "log"] for at, reason, count in rows],
        ["time", "reason", "rows", "kafka_partition", "kafka_offset", "detail", "log"],
    )


def rows(client, panel, until=60, range_s=900, **variables):
    """Return the rows of a panel whose range ends so long after `T`; times are seconds since `T`."""
    return [
        {name: value.timestamp() - T if hasattr(value, "timestamp") else value for name, value in row.items()}
        | ({"time": row["time"] - T} if "time" in row else {})
        for row in ask(client, BOARD, panel, view(T + until, range_s, **variables))
    ]


def columns(found, *names):
    return [tuple(row[name] for name in names) for row in found]


def test_freshness_is_by_samples_of_the_last_minute(client):
    """Ninety-eight hundredths of the samples were stored after a second, the rest after nine; older blocks are over."""
    ledger(
        client,
        block(0, 0, stored=-30, delay_s=500.0),
        block(1, 1, stored=40, samples=9800),
        block(2, 2, stored=50, samples=200, delay_s=9.0),
        block(3, 3, stored=50.5, samples=0, rejected=5, newest_ts=None),
    )

    assert rows(client, "Freshness now") == [
        {"p50_s": 1.0, "p99_s": 9.0, "newest_age_s": pytest.approx(60 - 41), "stored_ago_s": pytest.approx(9.5)}
    ]


def test_freshness_is_not_known_where_nothing_is_stored(client):
    """And where nothing but refusals is, neither: nobody is told that all is fresh."""
    assert rows(client, "Freshness now") == []

    ledger(client, block(0, 0, stored=40, samples=0, rejected=5, newest_ts=None))
    assert rows(client, "Freshness now") == [
        {"p50_s": None, "p99_s": None, "newest_age_s": None, "stored_ago_s": pytest.approx(20)}
    ]


def test_delay_is_told_minute_by_minute(client):
    ledger(client, block(0, 0, stored=-30, delay_s=2.0), block(1, 1, stored=10), block(2, 2, stored=20, delay_s=3.0))

    assert columns(rows(client, "Delay until stored"), "time", "p50_s", "p99_s") == [(-60, 2.0, 2.0), (0, 1.0, 3.0)]


def test_partitions_tell_their_age_and_what_is_agreed_but_not_stored(client):
    """Partition 1 has a block that waits for 30 s; a log that was there before is not told."""
    ledger(
        client,
        block(0, 9, stored=10), block(10, 19, stored=50, worker="two"),
        block(0, 4, stored=20, partition=1), block(0, 99, stored=-600, log="old"),
    )  # fmt: skip
    agreed = [
        (0, 10, 19, 49.0),
        (1, 0, 4, 19.0),
        (1, 5, 9, 30.0),
        (1, 5, 8, 30.5),
        (1, 10, 12, 58.0),
        (0, 20, 30, 61.0),
    ]
    client.insert(
        "block_cuts",
        [["log", "chip.samples", p, first, last, "commit", "one", moment(T + at)] for p, first, last, at in agreed],
        ["log", "topic", "kafka_partition", "offset_from", "offset_to", "commit_id", "worker", "cut_at"],
    )

    assert rows(client, "Partitions") == [
        {
            "kafka_partition": "0", "stored_to_offset": 19, "newest_age_s": 10.5, "stored_ago_s": 10.0, "pending": 0,
            "pending_for_s": None, "worker": "two",
        },
        {
            "kafka_partition": "1", "stored_to_offset": 4, "newest_age_s": 40.5, "stored_ago_s": 40.0, "pending": 2,
            "pending_for_s": 30.0, "worker": "one",
        },
    ]  # fmt: skip


def test_a_partition_of_which_nothing_was_ever_stored_is_told(client):
    client.insert(
        "block_cuts",
        [["log", "chip.samples", 3, 0, 9, "commit", "one", moment(T)]],
        ["log", "topic", "kafka_partition", "offset_from", "offset_to", "commit_id", "worker", "cut_at"],
    )

    (row,) = rows(client, "Partitions")
    assert (row["kafka_partition"], row["stored_to_offset"], row["newest_age_s"], row["pending"]) == (
        "3",
        None,
        None,
        1,
    )
    assert row["pending_for_s"] == 60


def test_time_in_the_log_is_by_partition(client):
    ledger(
        client,
        block(0, 0, stored=10), block(1, 1, stored=10.25, appended_from=moment(T + 5.25)),
        block(0, 0, stored=10, partition=11),
    )  # fmt: skip

    assert columns(rows(client, "Time in the topic"), "time", "series", "lag") == [
        (10, "partition 00", 5.0), (10, "partition 11", 0.75)
    ]  # fmt: skip


def test_refused_rows_are_told_by_reason(client):
    """Before and within the last five minutes; their share is of all rows that arrived."""
    refused(client, (-500, "bad_power", 3), (10, "bad_power", 4), (10, "bad_time", 1), (20, "bad_power", 2))
    ledger(client, block(0, 9, stored=-500, samples=980, rejected=3), block(10, 19, stored=20, samples=10, rejected=7))

    assert columns(rows(client, "Rejected rows by reason"), "time", "series", "refused_rows") == [
        (-500, "bad_power", 3), (10, "bad_power", 4), (10, "bad_time", 1), (20, "bad_power", 2)
    ]  # fmt: skip
    assert columns(rows(client, "Reasons"), "reason", "refused", "lately", "share", "last_at", "last_detail") == [
        ("bad_power", 9, 6, 0.009, 20, "bad_power at 20"), ("bad_time", 1, 1, 0.001, 10, "bad_time at 10")
    ]  # fmt: skip
    assert columns(rows(client, "Newest rejected rows"), "appended_at", "reason", "rows", "kafka_offset")[0] == (
        20, "bad_power", 2, 1020
    )  # fmt: skip


@pytest.mark.parametrize("range_s", [900, 86_400, 30 * 86_400])
def test_late_data_is_a_share_of_each_fleets_samples(client, stored, range_s):
    """Three samples that came at once and one that came a minute after its end."""
    at_ms = (int(time.time()) - 120) * 1000
    for chip, late_ms in (("a", 0), ("b", 0), ("c", 0), ("d", 60_000)):
        stored(batch(ts=at_ms, chip=chip), appended_ms=at_ms + late_ms)
    stored(batch(ts=at_ms, fleet="serve"), appended_ms=at_ms)

    found = ask(client, BOARD, "Late data", view(int(time.time()), range_s))
    assert {row["series"]: row["late"] for row in found} == {
        "north / train / nvidia": 0.25, "north / serve / nvidia": 0.0
    }  # fmt: skip


def test_gaps_and_overlaps_of_the_ledger_are_found(client):
    """Offsets 10 to 14 of partition 0 are missing and 18 stands twice; partition 1 is whole, and so is another log."""
    ledger(
        client,
        block(0, 9, stored=10), block(15, 18, stored=20, worker="two"), block(18, 30, stored=30, rejected=2),
        block(500, 509, stored=10, partition=1), block(510, 519, stored=20, partition=1),
        block(0, 9, stored=30, log="b", lost=3),
    )  # fmt: skip

    assert rows(client, "Ledger") == [
        {"gaps": 1, "overlaps": 1, "lost_messages": 3, "blocks": 6, "accepted": 600, "refused": 2}
    ]
    found = rows(client, "Gaps and overlaps")
    assert columns(found, "kafka_partition", "what", "from_offset", "to_offset", "messages", "stored_at") == [
        (0, "overlap", 18, 18, 1, 30), (0, "gap", 10, 14, 5, 20)
    ]  # fmt: skip
    assert found[1]["worker"] == "two"


def test_the_first_block_of_the_range_is_no_gap(client):
    ledger(client, block(0, 9, stored=-2000), block(10, 19, stored=10), block(20, 29, stored=20))

    assert columns(rows(client, "Ledger"), "gaps", "overlaps", "blocks") == [(0, 0, 2)]
    assert rows(client, "Gaps and overlaps") == []


def test_meters_are_told_with_the_limit_of_their_site(client, stored):
    """Eight chips of 100 W beside a meter of 1 kW, and four of 300 W beside one of 1 kW: that is beyond 1.02."""
    set_budgets(client, [Budget("north", "train", "nvidia", 1e6, 12, {"meter_low": 0.4, "meter_high": 1.02})])
    minute = int(time.time()) // 60 * 60 - 600
    ends = [(minute + end) * 1000 for end in range(1, 61)]
    stored(
        *[batch(ts=ends, host="a", chip=f"a/{n}", power_w=100.0) for n in range(8)],
        *[batch(ts=ends, host="b", chip=f"b/{n}", power_w=300.0) for n in range(4)],
        *[
            batch(ts=ends, host=host, chip="meter/1", model="host-meter", power_method="meter", power_w=1000.0)
            for host in "ab"
        ],
    )

    found = ask(client, BOARD, "Chips compared with their meter", view(minute + 160, 900))
    assert columns(found, "meter", "chips_expected", "chips_w", "metered_w", "ratio", "coverage") == [
        ("b", 4, 1200.0, 1000.0, 1.2, 1.0), ("a", 8, 800.0, 1000.0, 0.8, 1.0)
    ]  # fmt: skip
    assert [row["of_limit"] for row in found] == [pytest.approx(1.2 / 1.02), pytest.approx(0.8 / 1.02)]
    assert ask(client, BOARD, "Chips compared with their meter", view(minute + 160, 900, site=["south"])) == []


def test_workers_are_told_by_what_they_store(client):
    """Of whole intervals alone: what the range cuts would look like a fall."""
    ledger(
        client,
        *[block(200 + n, 200 + n, stored=n, samples=600, commit_id=f"commit-{n}") for n in range(-119, 1)],
        *[block(200 + n, 200 + n, stored=n, partition=1, commit_id=f"commit-{n}") for n in range(-119, 1, 2)],
        block(0, 0, stored=-90, partition=2, worker="two"),
    )

    assert rows(client, "Workers", until=0) == [
        {"worker": "one", "partitions": 2, "samples_per_s": 650.0, "commits_per_s": 1.0, "stored_ago_s": 0.0},
        {"worker": "two", "partitions": 0, "samples_per_s": 0.0, "commits_per_s": 0.0, "stored_ago_s": 90.0},
    ]
    minute = 12 * 3600  # of which a point is of a minute
    points = rows(client, "Samples stored by each worker", until=0, range_s=minute)
    assert columns(points, "time", "series", "samples_per_s")[-2:] == [(-120, "two", 100 / 60), (-60, "one", 650.0)]
    assert rows(client, "Commits and blocks", until=0, range_s=minute)[-1] == {
        "time": -60, "commits_per_s": 1.0, "blocks_per_s": 1.5
    }  # fmt: skip


def test_the_store_tells_its_size_to_the_user_of_dashboards(engine, client):
    """Who may only read sees the tables, their parts and the disk."""
    ledger(client, block(0, 9, stored=10))
    reader = connect(engine.url.replace("http://", "http://grafana@"))

    (store,) = reader.query(query(BOARD, "Disk and merges")).named_results()
    assert store["used_bytes"] > 0
    assert store["free_bytes"] > 0
    assert store["parts"] > 0
    tables = {row["table"]: row for row in rows(reader, "Tables")}
    assert (tables["ingest_blocks"]["stored_rows"], tables["ingest_blocks"]["parts"]) == (1, 1)
    reader.close()
