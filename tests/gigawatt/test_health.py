from datetime import UTC, datetime, timedelta

import pytest

from gigawatt.health import (
    Doubt,
    RejectedRows,
    Seen,
    behind_by,
    behind_finding,
    deleted,
    letters_finding,
    lost_finding,
    lost_letters,
    rejected_finding,
    schema_finding,
    standing,
    sums_finding,
    workers_finding,
)
from schema.migrate import load
from schema.topics import LOST, MADE_ANEW


def test_behind_counts_kept_messages_that_are_not_stored():
    """Per partition: from the highest stored offset, or the first kept one, to the log's end."""
    assert behind_by({0: (0, 10), 1: (5, 9), 2: (0, 3)}, {0: 7, 2: 2}) == {0: 2, 1: 4, 2: 0}


def test_ledger_beyond_the_log_is_not_behind():
    """A ledger that knows more than the log holds owes nothing."""
    assert behind_by({0: (0, 3)}, {0: 8}) == {0: 0}


def test_nobody_storing_is_down_only_when_messages_wait():
    """A stack at rest is up; one that stores nothing of what waits is down."""
    assert workers_finding([], {0: 0}).up
    resting = workers_finding([Seen("a", 9, 120.0)], {0: 0})
    assert resting.detail == "the last block was stored 120 s ago, no messages wait: no producer sends"
    assert not workers_finding([], {0: 3}).up
    stalled = workers_finding([Seen("a", 9, 120.0)], {0: 3})
    assert not stalled.up
    assert "120 s ago" in stalled.detail


def test_workers_that_store_are_named():
    """Who stored lately is up."""
    finding = workers_finding([Seen("a", 9, 0.4), Seen("b", 2, 90.0)], {0: 3})

    assert (finding.up, finding.detail) == (True, "1 storing: a (0.4 s ago)")


def test_missing_migrations_are_down():
    """A schema that is not there, or not current, says what to run."""
    finding = schema_finding({})

    assert not finding.up
    assert "gigawatt migrate" in finding.detail


def test_current_schema_is_up():
    """A schema with all migrations is current."""
    applied = {migration.version: (migration.name, migration.checksum) for migration in load()}

    assert schema_finding(applied).detail == f"version {max(applied)}, current"


def test_partitions_that_wait_are_named():
    """Partitions that are behind are named with their messages."""
    assert behind_finding({0: 0, 3: 1200}).detail == "1,200 messages; by partition 3: 1,200"
    assert behind_finding({0: 0}).detail == "all messages are stored"
    many = behind_finding({number: 1000 - number for number in range(500)}).detail
    assert many.endswith("10: 990, 11: 989 and 488 more")


def test_a_partition_that_stands_still_is_down():
    """One partition that cannot be stored is not hidden by the others that can."""
    finding = behind_finding({3: 7, 4: 1}, [3])

    assert not finding.up
    assert finding.detail.startswith("no progress in partition 3, see the worker's log; 8 messages")


def test_what_just_woke_up_does_not_stand_still(client):
    """A partition that is behind counts as standing when neither time nor a second look shows that it moves."""

    def store(partition, offset, ago_s):
        row = ["chip.samples", partition, 0, offset, datetime.now(UTC) - timedelta(seconds=ago_s), "one"]
        names = ["topic", "kafka_partition", "offset_from", "offset_to", "stored_at", "log"]
        client.insert("ingest_blocks", [row], column_names=names)

    for partition, ago_s in enumerate([1, 90, 90, 90]):
        store(partition, 10, ago_s)

    behind = {0: 5, 1: 5, 2: 5, 3: 0, 4: 1}
    assert standing(client, "one", behind, wait=lambda: store(1, 20, 0)) == [2, 4]
    assert standing(client, "one", {0: 5}, wait=lambda: pytest.fail("nothing to wait for")) == []


def test_refused_rows_stand_by_reason():
    """What was rejected is told by reason, and the most frequent with field, value and limit."""
    rejected = {
        "bad_power": RejectedRows(3, "power_w -5 must be 0 to 10000; 1 of 1 rows"),
        "too_late": RejectedRows(1, ""),
    }

    assert rejected_finding(rejected).detail == (
        "in the last hour: 3 bad_power, 1 too_late; for example: power_w -5 must be 0 to 10000; 1 of 1 rows"
    )


def test_dead_letters_that_are_not_written_are_down(client):
    """They are counted with their rows until a later try wrote them, and the newest reason is said."""
    names = ["noted_at", "log", "kafka_partition", "kafka_offset", "reason", "rows", "why", "written"]

    def note(offset, rows, *, written=0):
        row = [datetime.now(UTC), "one", 0, offset, "bad_power", rows, "no such topic", written]
        client.insert("dead_letter_failures", [row], column_names=names)

    assert letters_finding(*lost_letters(client)).up
    note(1, 10)
    note(2, 5)
    note(2, 5)  # the commit was done again
    finding = letters_finding(*lost_letters(client))
    assert not finding.up
    assert finding.detail.startswith(
        "2 dead letters (15 rows) of the last hour are not written to chip.samples.rejected: no such"
    )
    note(1, 10, written=1)
    note(2, 5, written=1)
    assert letters_finding(*lost_letters(client)).up


def test_fleets_that_count_chips_twice_are_named_with_who_reports_them():
    """It is no part that is down; whoever reads the figures must know it."""
    assert sums_finding([]).detail == "no chip is reported twice"
    found = sums_finding([Doubt(f"north / {name} / nvidia", 1200, ["a", "b"]) for name in "abcdefg"])

    assert found.up
    assert found.detail.startswith("DOUBTFUL: chips are reported twice: north / a / nvidia: 1,200 by a, b; north / b /")
    assert found.detail.endswith("; and 2 more fleets")


def test_lost_messages_are_reported_whether_a_block_notes_them_yet_or_not():
    finding = lost_finding({3: 4_900, 1: 5}, deleted({3: (120, 200), 4: (0, 9), 5: (7, 9)}, {3: 99, 4: -1}), 1)

    assert not finding.up
    assert finding.detail == f"in the last 24 h: 4,925 {LOST}; by partition 3: 4,920, 1: 5"


def test_a_topic_that_was_made_anew_is_reported():
    assert lost_finding({}, {}, 2).detail == f"in the last 24 h: {MADE_ANEW}; times: 1"
    assert lost_finding({}, {}, 1).up
    assert lost_finding({}, {}, 0).up
