"""Messages whose beat is over make a block, named by the offset after the block before it."""

from streams.blocks import MAX_BLOCK_WEIGHT, LogMessage, PartitionCutter, Span
from streams.rhythm import Rhythm


def message(offset: int, appended_ms: int, value: bytes = b"x") -> LogMessage:
    return LogMessage(3, offset, appended_ms, value, None)


def cutter(*messages: LogMessage, stored: int = -1) -> PartitionCutter:
    made = PartitionCutter(3, stored, Rhythm(grace_ms=100))
    for one in messages:
        made.add(one)
    return made


def test_a_block_is_not_due_while_its_beat_lasts():
    assert not cutter(message(0, 5_100), message(1, 5_900)).due(6_099)


def test_a_block_is_due_when_its_beat_and_some_grace_are_over():
    held = cutter(message(0, 5_100), message(1, 5_900), message(2, 6_000))

    assert held.due(6_100)
    assert held.peek(6_100).span == Span(3, 0, 1)


def test_a_backlog_makes_one_block_of_many_seconds():
    held = cutter(*(message(offset, 5_000 + 1_000 * offset) for offset in range(9)))

    assert held.peek(12_500).span == Span(3, 0, 6)


def test_a_block_that_grows_too_large_is_cut_at_once():
    held = cutter(message(0, 5_000, bytes(MAX_BLOCK_WEIGHT)), message(1, 5_000), message(2, 5_000))

    assert held.due(0)
    assert held.peek(9_000).span == Span(3, 0, 0)


def test_what_is_stored_is_let_go():
    held = cutter(message(0, 5_100), message(1, 6_200))

    assert [one.offset for one in held.stored_to(0)] == [0]
    assert (held.stored, held.last) == (0, 1)
    assert held.peek(9_000).span == Span(3, 1, 1)


def test_more_may_be_stored_than_is_held():
    held = cutter(message(0, 5_100))
    held.stored_to(7)

    assert (held.stored, held.last) == (7, 7)


def test_a_block_begins_after_the_one_before_it_even_where_transaction_marks_took_offsets():
    assert cutter(message(7, 5_100), stored=4).peek(9_000).span == Span(3, 5, 7)


def test_nothing_held_is_nothing_due():
    assert not cutter().due(10**15)


def test_a_message_of_the_far_future_is_held_for_two_seconds():
    elapsed_s = 100.0
    held = PartitionCutter(3, -1, Rhythm(), elapsed_s=lambda: elapsed_s)
    held.add(message(0, 4_000_000_000_000))
    elapsed_s = 101.9
    held.add(message(1, 4_000_000_000_000))
    assert not held.due(6_000)
    elapsed_s = 102.0
    assert held.due(6_000)
    assert held.peek(6_000).span == Span(3, 0, 1)
