import pytest

from local.clickhouse.errors import EngineError
from local.clickhouse.sessions import Sessions


class Clock:
    """A clock that stands until it is set."""

    def __init__(self):
        self.now_s = 0.0

    def __call__(self):
        return self.now_s


def test_statements_come_back_in_order_for_their_session_only():
    """A session sees what it set, and no other session does."""
    sessions = Sessions(Clock())
    sessions.add("u", "one", 60, b"SET a = 1")
    sessions.add("u", "one", 60, b"USE d")

    assert sessions.statements("u", "one", 60) == (b"SET a = 1", b"USE d")
    assert sessions.statements("u", "two", 60) == ()
    assert sessions.statements("v", "one", 60) == ()


def test_a_session_ends_after_its_timeout_unless_it_is_used():
    """Every use gives it its whole timeout again."""
    clock = Clock()
    sessions = Sessions(clock)
    sessions.add("u", "one", 60, b"SET a = 1")
    clock.now_s = 50
    assert sessions.statements("u", "one", 60)
    clock.now_s = 100
    assert sessions.statements("u", "one", 60)
    clock.now_s = 161

    assert sessions.statements("u", "one", 60) == ()


def test_sessions_are_bounded():
    """A client that makes sessions without end cannot fill the memory."""
    sessions = Sessions(Clock())
    for number in range(1200):
        sessions.add("u", str(number), 60, b"SET a = 1")

    assert sessions.statements("u", "0", 60) == ()
    assert sessions.statements("u", "1199", 60) == (b"SET a = 1",)


def test_one_user_s_sessions_do_not_end_another_s():
    """A reader who makes sessions without end takes nothing from the owner's."""
    sessions = Sessions(Clock())
    sessions.add("owner", "mine", 60, b"USE d")
    for number in range(1200):
        sessions.add("reader", str(number), 60, b"SET a = 1")

    assert sessions.statements("owner", "mine", 60) == (b"USE d",)


def test_a_session_is_of_bounded_size():
    """What is kept of all sessions fits the memory; the oldest statements go, and one too large is refused."""
    sessions = Sessions(Clock())
    for number in range(20):
        sessions.add("u", "one", 60, b"SET a = '%01000d'" % number)

    kept = sessions.statements("u", "one", 60)
    assert kept[-1] == b"SET a = '%01000d'" % 19
    assert sum(map(len, kept)) <= 16 << 10
    with pytest.raises(EngineError, match="at most 16 KiB"):
        sessions.add("u", "one", 60, b"SET a = '%020000d'" % 1)
