"""When the process exits by itself, by a clock of the test's own."""

import pytest

from local.clickhouse.watchdog import LATE_S, Resident, Watchdog
from schema.errors import EXIT_START_AGAIN

MARK = "-- mark"
SQL = b"SELECT 1\n-- mark"


class Watched:
    """A watchdog with what it is told and what it did."""

    def __init__(self):
        self.now_s, self.resident, self.ended = 0.0, 0, []
        self.dog = Watchdog(
            4_000_000_000, clock=lambda: self.now_s, resident=lambda: self.resident, end=self.ended.append
        )

    def at(self, now_s):
        """Have it look then, and say how it ended the process."""
        self.now_s = now_s
        self.dog.look()
        return self.ended


@pytest.fixture
def watched():
    return Watched()


def test_a_call_beyond_its_limit_ends_the_process(watched, capsys):
    with watched.dog.watching(SQL, 60):
        assert watched.at(59 + LATE_S) == []
        assert watched.at(60 + LATE_S) == [EXIT_START_AGAIN]

    said = capsys.readouterr().err
    assert said.startswith("clickhouse exits: a query still runs 15 s after its 60 s: SELECT 1")
    assert said.count("\n") == 1


def test_a_cancelled_call_ends_the_process(watched, capsys):
    """Since the first time that it was asked to stop."""
    with watched.dog.watching(SQL, 60):
        watched.dog.cancelled("-- another")
        watched.dog.cancelled(MARK)
        assert watched.at(LATE_S - 1) == []
        watched.dog.cancelled(MARK)
        assert watched.at(LATE_S) == [EXIT_START_AGAIN]

    assert "after it was cancelled" in capsys.readouterr().err


def test_what_ends_in_time_ends_nothing(watched):
    """Nor does a call without a limit."""
    with watched.dog.watching(SQL, 60):
        watched.dog.cancelled(MARK)
    with watched.dog.watching(SQL, None):
        watched.dog.cancelled(MARK)
        assert watched.at(1e6) == []


def test_memory_beyond_the_engine_s_bound_ends_the_process(watched, capsys):
    watched.resident = 5_400_000_000
    assert watched.at(1) == []
    watched.resident = 5_600_000_000
    assert watched.at(2) == [EXIT_START_AGAIN]

    assert capsys.readouterr().err == ("clickhouse exits: the process uses 5.6 GB of memory, the limit is 5.5 GB\n")


def test_memory_that_was_given_back_ends_nothing(watched):
    """What counts is what the process takes now."""
    watched.resident = 5_600_000_000
    watched.resident = 400_000_000
    assert watched.at(1) == []

    resident = Resident()
    taken = bytearray(b"x") * (200 << 20)
    with_it = resident()
    del taken
    assert 1_000_000 < resident() < with_it - (150 << 20)


def test_a_late_stop_is_an_end(watched, capsys):
    """Nothing is said: it is what was asked for."""
    watched.dog.stop_within(8)
    assert watched.at(7.9) == []
    assert watched.at(8) == [0]

    assert capsys.readouterr().err == ""
