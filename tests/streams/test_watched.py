"""Whether a worker lives and is ready, by what it left of itself; a loop that hangs does so really."""

import asyncio
import threading
import time

import pytest

from streams.metrics import WorkerMetrics
from streams.watched import STALLED_S, Watched
from tests.streams.test_ingest import MemoryStore, Run, message, until


def families(watched):
    return {family.name: family for family in WorkerMetrics(watched).collect()}


def value(watched, name):
    return families(watched)[name].samples[0].value


def begun(run, now_s=0.0):
    watched = Watched(waiting_for="", clock=lambda: now_s)
    watched.assigned(run.ingest)
    return watched


def test_a_worker_that_waits_to_begin_lives_and_is_not_ready():
    watched = Watched(waiting_for="no Kafka broker answers at node:9092")

    assert watched.alive() == ""
    assert watched.ready() == "waiting: no Kafka broker answers at node:9092"
    watched.waiting_for = ""
    assert watched.ready() == "no partitions are assigned; joining the group"


def test_a_loop_that_turns_lives_and_one_that_has_ended_does_not():
    watched = Watched()

    async def asked():
        await watched.begin()
        return await asyncio.to_thread(watched.alive)

    assert asyncio.run(asked()) == ""
    assert watched.alive() == "the event loop has stopped"


def test_a_loop_that_hangs_does_not_live():
    """It cannot answer for itself, so another thread asks."""
    watched, found, go_on = Watched(), [], threading.Event()

    async def hanging():
        await watched.begin()
        asker = threading.Thread(target=lambda: (found.append(watched.alive()), go_on.set()))
        asker.start()
        go_on.wait(60)

    asyncio.run(hanging())
    assert found == ["the event loop has been blocked for 5 s"]


def test_what_is_stored_is_counted():
    async def scenario():
        store = MemoryStore()
        async with Run(store) as run:
            watched = begun(run)
            await run.add(message(0), message(1, value=b"broken"), message(2))
            await until(lambda: run.acknowledged == [0, 1, 2])
            return watched

    watched = asyncio.run(scenario())

    assert (value(watched, "gigawatt_worker_messages"), value(watched, "gigawatt_worker_samples")) == (3, 2)
    (rejected,) = families(watched)["gigawatt_worker_rejected_rows"].samples
    assert (rejected.labels, rejected.value) == ({"reason": "undecodable"}, 1)
    commits = {one.name: one.value for one in families(watched)["gigawatt_worker_commit_seconds"].samples}
    assert commits["gigawatt_worker_commit_seconds_count"] >= 1
    assert abs(value(watched, "gigawatt_worker_last_commit_timestamp_seconds") - time.time()) < 300


def test_the_lag_is_of_what_is_not_stored_whether_it_is_here_or_not():
    """By the broker's word, or what was read since."""

    async def scenario():
        async with Run(MemoryStore()) as run:
            watched = begun(run)
            await run.add(message(0), message(1))
            await until(lambda: run.acknowledged == [0, 1])
            stored = watched.lag()
            watched.answered({0: 7})
            return stored, watched.lag(), families(watched)["gigawatt_worker_lag_messages"].samples[0]

    stored, behind, sample = asyncio.run(scenario())
    assert (stored, behind) == ({0: 0}, {0: 5})
    assert (sample.labels, sample.value) == ({"partition": "0"}, 5)


def test_a_store_that_fails_is_told_until_it_answers():
    async def scenario():
        store = MemoryStore(fails=3)
        async with Run(store) as run:
            watched = begun(run)
            await run.add(message(0))
            await until(lambda: bool(run.ingest.trouble))
            said = watched.ready()
            await until(lambda: run.acknowledged == [0])
            return said, watched.ready(), value(watched, "gigawatt_worker_failed_attempts")

    assert asyncio.run(scenario()) == ("cannot store: ClickHouse is away", "", 3)


@pytest.mark.parametrize(("after_s", "ready"), [(STALLED_S - 1, True), (STALLED_S + 1, False)])
def test_messages_that_wait_for_long_are_told(after_s, ready):
    async def scenario():
        async with Run(MemoryStore()) as run:
            watched = begun(run)
            await until(lambda: run.ingest.places == {0: (-1, -1)})
            watched.answered({0: 5})
            watched.clock = lambda: after_s
            return watched.ready()

    said = asyncio.run(scenario())
    assert said == ("" if ready else f"5 messages wait, none was stored for {after_s:.0f} s")


def test_a_broker_that_does_not_answer_is_told_and_so_is_a_group_that_divides():
    async def scenario():
        async with Run(MemoryStore()) as run:
            watched = begun(run)
            watched.broker_trouble = "no broker"
            away = watched.ready()
            watched.answered({})
            well = watched.ready()
            watched.revoked()
            return away, well, watched.ready()

    assert asyncio.run(scenario()) == (
        "the broker does not answer: no broker",
        "",
        "no partitions are assigned; joining the group",
    )


def test_a_worker_without_partitions_stands_by():
    """There are as many already as there are partitions."""

    async def scenario():
        run = Run(MemoryStore())
        run.ingest.assign([])
        watched = begun(run)
        watched.answered({0: 5})
        watched.clock = lambda: 1e6
        return watched.ready(), value(watched, "gigawatt_worker_assigned_partitions")

    assert asyncio.run(scenario()) == ("", 0)
