"""Chips are told to the inventory often enough that no rule calls them silent, however many there are."""

import numpy as np
import pytest

from streams.blocks import Block, Commit
from streams.inventory import LIVE_MS, OVERDUE_MS, RENEWED_EVERY_MS, RENEWED_ROWS, RENEWED_SHARE, _due
from streams.process import Processor
from streams.rosters import Roster
from tests.batches import NOW_MS, batch
from tests.streams.test_process import block

SILENT_AFTER_MS = 300_000


def roster(chips: int) -> Roster:
    return Roster(np.zeros(chips, np.uint8), [], np.zeros(chips, np.int32), np.arange(chips, dtype=np.uint64), 0)


def due_of(rosters: list[Roster], budget: int, at_ms: int) -> np.ndarray:
    """Mark the rosters to be told, where each brings a live sample."""
    return _due(rosters, np.ones(len(rosters), bool), budget, at_ms)


@pytest.mark.parametrize(
    ("chips", "of_message", "every_s"),
    [(200_000, 64, 1), (200_000, 8, 1), (1_000_000, 4096, 1), (40_000, 8, 10), (40_000, 8, 60), (100, 8, 1)],
)
def test_every_chip_is_renewed_before_it_is_called_silent(chips, of_message, every_s):
    """Each second a commit, of the hosts whose turn it is; with a minute for what is on its way."""
    rosters = [roster(of_message) for _ in range(chips // of_message)]
    longest_ms = 0
    for second in range(400):
        here, at_ms = rosters[second % every_s :: every_s], NOW_MS + 1_000 * second
        before = [one.written_ms for one in here]
        told = due_of(here, max(RENEWED_ROWS, len(here) * of_message // RENEWED_SHARE), at_ms)
        longest_ms = max([longest_ms, *(at_ms - written for written in before if written)])
        assert all(one.written_ms == at_ms for one, was_told in zip(here, told, strict=True) if was_told)
    assert longest_ms < SILENT_AFTER_MS - 60_000


def test_a_commit_renews_no_more_than_its_budget_and_none_too_early():
    rosters = [roster(64) for _ in range(100)]
    assert due_of(rosters, 0, NOW_MS).all()  # new ones are told at once
    assert not due_of(rosters, RENEWED_ROWS, NOW_MS + RENEWED_EVERY_MS - 1).any()

    renewed = [int(due_of(rosters, RENEWED_ROWS, NOW_MS + RENEWED_EVERY_MS + second).sum()) for second in range(14)]
    assert renewed == [RENEWED_ROWS // 64] * 12 + [4, 0]


def test_what_is_overdue_is_renewed_without_a_budget():
    rosters = [roster(64) for _ in range(3)]
    due_of(rosters, 0, NOW_MS)

    assert not due_of(rosters, 0, NOW_MS + OVERDUE_MS - 1).any()
    assert due_of(rosters, 0, NOW_MS + OVERDUE_MS).all()


def test_the_budget_of_a_commit_grows_with_its_samples():
    """160,000 samples in messages of 800: a 150th is more than 512."""
    processor = Processor()
    rows = [batch(chip=[f"{message}/{chip}" for chip in range(800)]) for message in range(200)]

    def told(at_ms: int) -> int:
        found = block(*rows)
        moved = [message._replace(appended_ms=NOW_MS + at_ms) for message in found.messages]
        series = processor.process(Commit("one", [Block(found.span, moved)])).series
        return 0 if series is None else series.num_rows

    assert told(0) == 160_000
    assert told(RENEWED_EVERY_MS) == 1_600


def seen_ms(ts: int, chip: str, processor: Processor) -> tuple[int, int]:
    """Return when a chip of a message that the broker has now was last seen, and when live, in epoch milliseconds."""
    stored = processor.process(Commit("one", [block(batch(ts=ts, chip=chip))]))
    (row,) = stored.series.select(["last_seen", "live_seen"]).to_pylist()
    return tuple(int(row[name].timestamp() * 1000) for name in ("last_seen", "live_seen"))


def test_a_chip_is_seen_live_where_the_broker_has_its_sample_soon():
    """What is played again was seen then, and is not expected to go on."""
    processor, late_ms = Processor(), NOW_MS - LIVE_MS - 1

    assert seen_ms(NOW_MS - LIVE_MS, "a", processor) == (NOW_MS - LIVE_MS, NOW_MS - LIVE_MS)
    assert seen_ms(late_ms, "b", processor) == (late_ms, 0)


def test_every_late_sample_is_told_of_and_keeps_no_live_one_from_it():
    """Two hours of a recording in one commit, and at its end one live sample: one row, of the widest span."""
    late = [batch(ts=NOW_MS - LIVE_MS - 1_000 * age, chip="a") for age in (7_200, 3_600, 1)]
    late_alone, with_live = (
        Processor().process(Commit("one", [block(*rows)])).series.select(["first_seen", "last_seen", "live_seen"])
        for rows in (late, [*late, batch(ts=NOW_MS, chip="a")])
    )

    def spans(table):
        return [tuple(int(time.timestamp() * 1000) for time in row.values()) for row in table.to_pylist()]

    first_ms = NOW_MS - LIVE_MS - 7_201_000
    assert spans(late_alone) == [(first_ms, NOW_MS - LIVE_MS - 1_000, 0)]
    assert spans(with_live) == [(first_ms, NOW_MS, NOW_MS)]


def test_late_samples_of_a_chip_that_was_told_a_moment_ago_are_told_too():
    processor = Processor()
    processor.process(Commit("one", [block(batch(ts=NOW_MS, chip="a"))]))

    assert seen_ms(NOW_MS - LIVE_MS - 1, "a", processor) == (NOW_MS - LIVE_MS - 1, 0)
    assert processor.process(Commit("two", [block(batch(ts=NOW_MS, chip="a"))])).series is None
