"""Messages become stored blocks exactly once, whatever is repeated, lost, late or away."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

import pytest

from schema import wire
from streams.blocks import Block, LogMessage
from streams.decoded import Refusal
from streams.ingest import Ingest
from streams.process import Stored
from tests.batches import NOW_MS, batch


@dataclass
class MemoryStore:
    """A store in memory that keeps the promises of the real one: the first write under a name wins."""

    cuts: dict[tuple[int, int], int] = field(default_factory=dict)
    blocks: dict[tuple[int, int], Stored] = field(default_factory=dict)
    fails: int = 0

    def stored_offset(self, partition: int) -> int | None:
        return max((stored.block.offset_to for (of, _), stored in self.blocks.items() if of == partition), default=None)

    def agreed_cut(self, partition: int, offset_from: int) -> int | None:
        return self.cuts.get((partition, offset_from))

    def agree_cut(self, block: Block) -> int:
        return self.cuts.setdefault((block.partition, block.offset_from), block.offset_to)

    def store(self, stored: Stored) -> None:
        if self.fails:
            self.fails -= 1
            raise ConnectionError("ClickHouse is away")
        self.blocks.setdefault((stored.block.partition, stored.block.offset_from), stored)

    @property
    def offsets(self) -> list[int]:
        return sorted(m.offset for stored in self.blocks.values() for m in stored.block.messages)


@dataclass
class MemoryLog:
    """A log that notes what it is asked."""

    first: int = 0
    sought: list[int] = field(default_factory=list)
    letters: list[Refusal] = field(default_factory=list)

    async def seek(self, partition: int, offset: int) -> None:
        self.sought.append(offset)

    async def first_offset(self, partition: int) -> int:
        return self.first

    async def dead_letter(self, partition: int, refusal: Refusal) -> None:
        self.letters.append(refusal)


def message(offset: int, second: int = 0, value: bytes | None = None) -> LogMessage:
    return LogMessage(offset, NOW_MS + 1000 * second, value or wire.encode(batch(power_w=1.0)), None)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


class Run:
    """One worker with one partition; its clock is long past every second."""

    def __init__(self, store: MemoryStore, log: MemoryLog | None = None, now_s: float = NOW_MS / 1000 + 3600) -> None:
        self.log = log or MemoryLog()
        self.acknowledged: list[int] = []
        self.ingest = Ingest(store, self.log, now_s=lambda: now_s)

    async def __aenter__(self) -> Self:
        self.ingest.assign([0])
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.ingest.revoke()

    async def add(self, *messages: LogMessage) -> None:
        for one in messages:
            await self.ingest.add(0, one, lambda offset=one.offset: self.acknowledged.append(offset))


def test_messages_are_acknowledged_once_their_block_is_stored():
    async def scenario():
        store = MemoryStore()
        async with Run(store) as run:
            await run.add(message(0), message(1), message(2, second=1))
            await until(lambda: store.offsets == [0, 1, 2])
            await until(lambda: run.acknowledged == [0, 1, 2])

    asyncio.run(scenario())


def test_a_worker_begins_after_what_the_ledger_has():
    async def scenario():
        store = MemoryStore()
        async with Run(store) as run:
            await run.add(message(0), message(1))
            await until(lambda: store.offsets == [0, 1])
        async with Run(store) as run:
            await run.add(message(0), message(1), message(2))
            await until(lambda: store.offsets == [0, 1, 2])
            assert run.acknowledged[:2] == [0, 1]

    asyncio.run(scenario())


def test_a_cut_that_another_worker_agreed_is_obeyed():
    async def scenario():
        store = MemoryStore(cuts={(0, 0): 1})
        async with Run(store) as run:
            await run.add(message(0), message(1), message(2))
            await until(lambda: store.offsets == [0, 1, 2])
        assert sorted(store.blocks) == [(0, 0), (0, 2)]

    asyncio.run(scenario())


def test_a_cut_agreed_behind_our_back_waits_for_the_rest_of_its_block():
    async def scenario():
        store = MemoryStore()
        async with Run(store) as run:
            await until(lambda: run.ingest._partitions[0].cutter is not None)  # it has looked for cuts already
            store.cuts[0, 0] = 2
            await run.add(message(0))
            await asyncio.sleep(0.2)
            assert store.offsets == []
            await run.add(message(1), message(2), message(3))
            await until(lambda: store.offsets == [0, 1, 2, 3])
        assert sorted(store.blocks) == [(0, 0), (0, 3)]

    asyncio.run(scenario())


def test_while_the_store_is_away_nothing_is_lost_and_nothing_acknowledged():
    async def scenario():
        store = MemoryStore(fails=2)
        async with Run(store) as run:
            await run.add(message(0))
            await until(lambda: store.fails == 0)
            assert run.acknowledged == []
            await until(lambda: store.offsets == [0])

    asyncio.run(scenario())


def test_messages_that_come_twice_are_stored_once():
    async def scenario():
        store = MemoryStore()
        async with Run(store, now_s=0) as run:
            await run.add(message(0), message(1), message(0), message(1), message(2, second=1))
            await until(lambda: store.offsets == [0, 1])

    asyncio.run(scenario())


def test_a_hole_is_asked_for_again_before_anything_after_it_is_stored():
    async def scenario():
        store = MemoryStore()
        async with Run(store) as run:
            await run.add(message(0), message(3))
            await until(lambda: run.log.sought == [1])
            await run.add(message(1), message(2), message(3))
            await until(lambda: store.offsets == [0, 1, 2, 3])

    asyncio.run(scenario())


def test_what_the_log_lost_is_left_out_of_the_ledger():
    async def scenario():
        store = MemoryStore()
        async with Run(store) as run:
            await run.add(message(0))
            await until(lambda: store.offsets == [0])
            run.log.first = 5
            await run.add(message(5))
            await until(lambda: store.offsets == [0, 5])
        assert sorted(store.blocks) == [(0, 0), (0, 5)]

    asyncio.run(scenario())


def test_refused_rows_are_in_the_dead_letters_before_their_block_is_stored():
    async def scenario():
        store = MemoryStore(fails=1)
        async with Run(store) as run:
            await run.add(message(0, value=b"garbage"))
            await until(lambda: store.fails == 0)
            assert [letter.reason for letter in run.log.letters] == ["undecodable"]
            await until(lambda: store.offsets == [0])

    asyncio.run(scenario())


def test_messages_of_a_revoked_partition_are_left_to_its_new_owner():
    async def scenario():
        store = MemoryStore()
        run = Run(store)
        await run.add(message(0))
        assert run.ingest.waiting_bytes == 0
        assert run.acknowledged == []

    asyncio.run(scenario())


@pytest.mark.parametrize("seed", range(5))
def test_two_workers_that_both_believe_to_own_a_partition_store_it_once(seed):
    async def scenario():
        store = MemoryStore()
        messages = [message(offset, second=offset // (2 + seed)) for offset in range(40)]
        async with Run(store) as zombie, Run(store) as owner:
            for index, one in enumerate(messages):
                await (zombie if index % (seed + 2) == 0 else owner).add(one)
                await zombie.add(*messages[: index + 1])
                await owner.add(*messages[: index + 1])
                await asyncio.sleep(0.001)
            await until(lambda: store.offsets == list(range(40)))

    asyncio.run(scenario())
