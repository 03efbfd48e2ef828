"""Rosters are kept in bounded memory, whatever a message names."""

from schema import checks
from schema.spread import MAX_GROUPS
from streams.rosters import RosterCache, make_roster
from tests.batches import batch


def test_groups_count_as_memory():
    few, many = make_roster(batch(fleet=["a"] * 1000)), make_roster(batch(fleet=[f"f{n}" for n in range(1000)]))

    assert many.nbytes - few.nbytes > 999 * 300


def test_a_message_names_a_bounded_number_of_groups():
    roster = make_roster(batch(fleet=[f"f{n}" for n in range(MAX_GROUPS + 10)]))

    assert len(roster.groups) == MAX_GROUPS
    assert (roster.reasons[:MAX_GROUPS] == checks.ACCEPTED).all()
    assert {checks.REASONS[code] for code in roster.reasons[MAX_GROUPS:]} == {"too_many_labels"}
    assert roster.group_of.max() < MAX_GROUPS


def test_a_roster_that_would_push_out_the_others_is_not_kept():
    cache = RosterCache(max_bytes=1_000_000)
    cache.put(b"one", make_roster(batch()))
    cache.put(b"flood", make_roster(batch(fleet=[f"f{n}" for n in range(1000)])))

    assert cache.get(b"one") is not None
    assert cache.get(b"flood") is None
    assert cache.nbytes < 10_000
