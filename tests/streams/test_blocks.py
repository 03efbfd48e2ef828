"""Messages of one second make a block; a block is named by its first offset and can be cut where others did."""

from streams.blocks import MAX_BLOCK_BYTES, LogMessage, PartitionCutter


def message(offset: int, appended_ms: int, value: bytes = b"x") -> LogMessage:
    return LogMessage(offset, appended_ms, value, None)


def cutter(*messages: LogMessage, stored: int = -1) -> PartitionCutter:
    made = PartitionCutter(3, stored, grace_ms=100)
    for one in messages:
        made.add(one)
    return made


def test_a_block_is_not_due_while_its_second_lasts():
    assert not cutter(message(0, 5_100), message(1, 5_900)).due(5_999)


def test_a_block_is_due_when_a_message_of_a_later_second_has_come():
    held = cutter(message(0, 5_100), message(1, 5_900), message(2, 6_000))

    assert held.due(0)
    assert [m.offset for m in held.peek().messages] == [0, 1]


def test_a_block_is_due_when_the_clock_says_so():
    held = cutter(message(0, 5_100))

    assert not held.due(6_050)
    assert held.due(6_100)


def test_a_block_that_grows_too_large_is_cut_at_once():
    held = cutter(message(0, 5_000, bytes(MAX_BLOCK_BYTES)), message(1, 5_000), message(2, 5_000))

    assert held.due(0)
    assert held.peek().offset_to < 2


def test_a_block_can_be_cut_where_another_worker_cut_it():
    held = cutter(message(0, 5_100), message(1, 5_200), message(2, 6_000))

    assert held.peek(0).offset_to == 0
    assert held.peek(2).offset_to == 2
    assert held.holds(2)
    assert not held.holds(3)


def test_what_is_stored_is_let_go():
    held = cutter(message(0, 5_100), message(1, 6_200))
    held.take(held.peek())

    assert (held.stored, held.last) == (0, 1)
    assert held.peek().offset_from == 1


def test_a_block_begins_after_the_one_before_it_even_where_transaction_marks_took_offsets():
    held = cutter(message(7, 5_100), stored=4)

    assert (held.peek().offset_from, held.peek().offset_to) == (5, 7)


def test_nothing_held_is_nothing_due():
    assert not cutter().due(10**15)
