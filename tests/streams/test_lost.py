"""Messages that are gone before they are stored are counted in the block that spans their offsets."""

import asyncio

from structlog.testing import capture_logs

from schema.topics import LOST
from streams.blocks import Span
from streams.store import Cut
from tests.streams.test_ingest import MemoryLog, MemoryStore, Run, message, until


def test_what_the_topic_lost_is_in_the_ledger_as_lost():
    """The first block after it spans the lost offsets, whatever is held back before them."""

    async def scenario():
        store = MemoryStore()
        async with Run(store) as run:
            await until(lambda: run.ingest._partitions[0].cutter is not None)  # it has asked for the first offset
            await run.add(message(0))
            run.log.first = 5
            await run.add(message(6))  # of which the client skipped the one before
            await until(lambda: run.log.sought == [5])
            await run.add(message(5))
            await until(lambda: store.offsets == [0, 5])
        assert store.lost == {(0, 5): 4}

    asyncio.run(scenario())


def test_nothing_is_stored_of_a_topic_that_was_made_anew():
    """Its messages come under offsets of the one before, and are stored by the next worker."""

    async def scenario():
        store = MemoryStore()
        async with Run(store, MemoryLog(same=False)) as run:
            await run.add(message(0), message(1))
            await asyncio.sleep(0.3)
            assert (store.offsets, run.acknowledged) == ([], [])

    asyncio.run(scenario())


def test_holes_that_are_no_marks_of_transactions_are_lost_messages():
    async def scenario():
        store = MemoryStore()
        async with Run(store) as run:
            run.log.empty = {4: (1, 1)}
            with capture_logs() as said:
                await run.add(message(0), message(4))
                await until(lambda: store.offsets == [0, 4])
        assert store.lost == {(0, 4): 2}
        assert [(line["event"], line["lost"]) for line in said] == [(LOST, 2)]

    asyncio.run(scenario())


def test_a_cut_of_which_all_is_lost_is_stored_without_messages():
    async def scenario():
        store = MemoryStore(cuts={(0, 0): Cut(Span(0, 0, 4), "theirs")})
        async with Run(store, MemoryLog(marked=1)) as run:
            await run.add(message(5))
            await until(lambda: store.offsets == [5])
        assert store.lost == {(0, 4): 4}
        assert [(t.samples, t.energy_j) for t in store.commits["theirs"].totals] == [(0, 0.0)]

    asyncio.run(scenario())


def test_a_cut_of_which_some_is_lost_is_stored_with_what_is_left():
    async def scenario():
        log = MemoryLog(kept=[message(0), message(3)])
        store = MemoryStore(cuts={(0, 0): Cut(Span(0, 0, 3), "theirs")})
        async with Run(store, log) as run:
            await run.add(message(4))
            await until(lambda: store.offsets == [0, 3, 4])
        assert store.lost == {(0, 3): 2}

    asyncio.run(scenario())
