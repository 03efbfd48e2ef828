"""Messages that break our code are left out, and no others."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from streams.blocks import LogMessage
from streams.broken import broken

NUMBERS = st.integers(0, 30)


def message(offset: int) -> LogMessage:
    return LogMessage(0, offset, 0, b"", None)


def left_out(count: int, bad: set[int], foes: set[frozenset[int]] = frozenset()) -> set[int]:
    """Try messages 0 to `count`, of which some are bad and some pairs are bad beside each other."""

    def attempt(messages: Sequence[LogMessage]) -> Exception | None:
        offsets = {one.offset for one in messages}
        wrong = offsets & bad or any(pair <= offsets for pair in foes)
        return ValueError("broken") if wrong else None

    found = {one.offset for one, _ in broken([message(offset) for offset in range(count)], attempt)}
    assert attempt([message(offset) for offset in range(count) if offset not in found]) is None
    return found


@given(NUMBERS, st.sets(NUMBERS))
def test_messages_that_break_alone_are_left_out_and_no_others(count, bad):
    assert left_out(count, bad) == bad & set(range(count))


@given(
    st.integers(1, 30), st.sets(NUMBERS, max_size=5), st.sets(st.sets(NUMBERS, min_size=2, max_size=2).map(frozenset))
)
def test_of_messages_that_break_beside_each_other_one_stays(count, bad, foes):
    found = left_out(count, bad, foes)

    assert found >= bad & set(range(count))
    for offset in found - bad:
        assert any(offset in pair and not (pair - {offset}) & found for pair in foes)
