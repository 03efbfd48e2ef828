"""What one reader may take of the engine: little memory at first, much of it alone, and never the others' turn."""

import threading

import psutil

from local.clickhouse.config import READER, users

MB = 1_000_000
MOST = next(dict(user.limits)["max_memory_usage"] for user in users() if user.name == READER)
MODEST = "SELECT sum(number) FROM numbers(10)"
LARGE = "SELECT uniqExact(number) FROM numbers(2500000)"
TOO_LARGE = "SELECT groupArray(number) FROM numbers(1000000000)"


def test_a_query_that_needs_much_memory_begins_again_with_more(front):
    answer = front.ask(LARGE, user="grafana")

    assert (answer.status, answer.data) == (200, b"2500000\n")


def test_nobody_gets_more_than_the_bound(front):
    answer = front.ask(TOO_LARGE, user="grafana")

    assert answer.status == 500
    assert b"MEMORY_LIMIT_EXCEEDED" in answer.data


def test_a_statement_that_asks_for_more_by_itself_gets_it_within_the_bound(front):
    asked = front.ask(f"{MODEST} SETTINGS max_memory_usage = 150000000", user="grafana")
    refused = front.ask(f"{MODEST} SETTINGS max_memory_usage = {MOST + 1}", user="grafana")

    assert (asked.status, asked.data) == (200, b"45\n")
    assert b"max_memory_usage" in refused.data


def test_large_queries_run_one_at_a_time(front):
    """Ten of them take the memory of one, and it is given back."""
    process = psutil.Process(front.process.pid)
    front.ask(LARGE, user="grafana")
    before = most = process.memory_info().rss
    threads = [threading.Thread(target=front.ask, args=(TOO_LARGE,), kwargs={"user": "grafana"}) for _ in range(10)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        most = max(most, process.memory_info().rss)
        threads[0].join(0.01)

    assert most - before < 1.5 * MOST + 300 * MB


def test_threads_are_counted_whoever_asks(front):
    """Nobody takes their query's threads out of the count."""
    answer = front.ask(f"{MODEST} SETTINGS use_concurrency_control = 0", user="grafana")

    assert b"use_concurrency_control" in answer.data
