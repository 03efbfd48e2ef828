import threading

import pytest
from clickhouse_connect.driver.client import Client

from dashboards.live.alerts import WATCHED_FOR_S, AlertReader, AlertWatch


def test_a_store_that_does_not_answer_is_told_by_the_rules_that_wake_somebody_for_it():
    """Nothing is raised: what shows alerts goes on, and says so."""

    def away():
        raise OSError("nobody there")

    found = AlertReader(away).read()

    assert "freshness_lost" in {alert.name for alert in found}
    assert all("nobody there" in alert.summary for alert in found)


def test_a_watch_reads_again_and_again_until_it_is_left():
    read, again = threading.Event(), threading.Event()

    def reading():
        (again if read.is_set() else read).set()
        return []

    watch = AlertWatch(reading, every_s=0.01)
    assert (watch.newest, watch.told()) == (None, None)
    with watch:
        assert again.wait(60)
    assert watch.newest == []


def test_while_the_store_hangs_the_last_evaluation_is_told_with_its_age():
    """Nobody waits for the one that is running."""
    hang, second, now_s = threading.Event(), threading.Event(), [100.0]
    calls = []

    def reading():
        calls.append(now_s[0])
        if len(calls) > 1:
            now_s[0] = 160.0
            second.set()
            hang.wait()
        return []

    with AlertWatch(reading, every_s=0.01, elapsed=lambda: now_s[0]) as watch:
        assert second.wait(60)
        assert watch.told() == ([], 60.0)
        hang.set()


def test_a_watch_does_not_keep_its_reader_waiting():
    """What is shown meanwhile is what was known before; leaving does not wait either."""
    never = threading.Event()

    with AlertWatch(lambda: never.wait() and []) as watch:
        assert watch.newest is None
    never.set()


def test_while_nobody_looks_the_rules_are_read_seldom_and_at_once_when_somebody_does():
    seldom, read, now_s = threading.Event(), threading.Event(), [100.0]
    watch = AlertWatch(
        lambda: read.set() or [], seldom=lambda: seldom.set() or [], every_s=60.0, elapsed=lambda: now_s[0]
    )
    with watch:
        assert seldom.wait(60)
        assert not read.is_set()
        watch.told()
        assert read.wait(30)


def test_who_has_not_looked_for_a_minute_is_not_expected_to():
    read, now_s = [], [100.0]
    again = threading.Semaphore(0)

    def reading(how: str) -> list:
        read.append(how)
        again.release()
        return []

    with AlertWatch(
        lambda: reading("read"), seldom=lambda: reading("seldom"), every_s=0.01, elapsed=lambda: now_s[0]
    ) as watch:
        watch.looked()
        while "read" not in read:
            assert again.acquire(timeout=60)
        now_s[0] += WATCHED_FOR_S + 1
        read.clear()
        while "seldom" not in read:
            assert again.acquire(timeout=60)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 'a' AS site, nan AS value",
        "SELECT 'a' AS site, CAST(NULL, 'Nullable(Float64)') AS value, 1.5 AS shown",
        "SELECT 'a' AS site, -1 / 0 AS value, 'nan' AS fleet",
        "SELECT '5' AS site, count() AS value FROM numbers(1000)",
        "SELECT 'a' AS site, 1.0 AS value WHERE false",
    ],
)
def test_an_answer_is_what_the_client_reads_in_native(client: Client, sql: str):
    native = client.query(sql)
    read = AlertReader(lambda: client)._query(sql)
    assert read.columns == list(native.column_names)
    assert [list(map(repr, row)) for row in read.rows] == [list(map(repr, row)) for row in native.result_rows]
