"""However a partition's log is cut into runs, it ends in the same blocks, and nothing is committed too soon."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from schema import encoding
from streams.blocks import MAX_BLOCK_WEIGHT, Block, LogMessage, PartitionCutter, Span
from streams.partition import Partition
from streams.rhythm import Rhythm
from streams.runs import Run, neighbours
from tests.streams.test_ingest import MemoryLog

_PARTITION = 3
_HEAVY = encoding.encode(pa.record_batch({"energy_j": np.zeros(MAX_BLOCK_WEIGHT // 20)}), compression="zstd")
_VALUES = (None, b"x", b'{"ts": 1}\n' * 9, b"\xff\xff\xff\xff damaged", _HEAVY)


def run_of(messages: Sequence[LogMessage]) -> Run:
    return Run(messages, sum(one.nbytes for one in messages))


def message(offset: int, appended_ms: int = 0, value: bytes | None = b"x") -> LogMessage:
    return LogMessage(_PARTITION, offset, appended_ms, value, None)


def cut(messages: Sequence[LogMessage], sizes: Iterator[int]) -> Iterator[Sequence[LogMessage]]:
    """Cut messages into pieces of such sizes."""
    at = 0
    while at < len(messages):
        size = next(sizes)
        yield messages[at : at + size]
        at += size


def endless(sizes: list[int]) -> Iterator[int]:
    while True:
        yield from sizes


logs = st.lists(
    st.tuples(st.integers(0, 3_000), st.sampled_from(_VALUES), st.sampled_from([0, 0, 0, 0, 1, 2])), min_size=1
)
"""Messages: their time in no order, their value, and how many offsets before them are marks of transactions."""
sizes = st.lists(st.integers(1, 9), min_size=1, max_size=5)


def numbered(log: list[tuple[int, bytes | None, int]]) -> list[LogMessage]:
    offset, made = -1, []
    for appended_ms, value, marks in log:
        offset += 1 + marks
        made.append(message(offset, appended_ms, value))
    return made


def simple_block(waiting: list[LogMessage], stored: int, before_ms: int) -> Block:
    """Cut a block message by message, as it is defined."""
    taken: list[LogMessage] = []
    anything = waiting[0].appended_ms >= before_ms
    for one in waiting:
        over = anything or one.appended_ms < before_ms
        if taken and (sum(m.weight for m in [*taken, one]) > MAX_BLOCK_WEIGHT or not over):
            break
        taken.append(one)
    return Block(Span(_PARTITION, stored + 1, taken[-1].offset), taken, 0, sum(one.weight for one in taken))


@given(log=logs, sizes=sizes, now_ms=st.integers(0, 5_000), stored_to=st.lists(st.integers(0, 400)))
def test_a_cutter_proposes_the_same_block_for_any_runs(log, sizes, now_ms, stored_to):
    messages = numbered(log)
    cutter = PartitionCutter(_PARTITION, -1, Rhythm(grace_ms=100), elapsed_s=lambda: 0.0)
    for piece in cut(messages, endless(sizes)):
        while left := run_of(piece).beyond(cutter.last):
            cutter.lose(left[0].offset, 0)
            cutter.extend(neighbours(left))
    for offset in [-1, *stored_to]:
        if offset > cutter.stored:
            gone = [one for one in messages if cutter.stored < one.offset <= offset]
            assert cutter.stored_to(offset) == gone
        waiting = [one for one in messages if one.offset > cutter.stored]
        before_ms = (now_ms - 100) // 1000 * 1000
        full = sum(one.weight for one in waiting) > MAX_BLOCK_WEIGHT
        assert cutter.due(now_ms) == bool(waiting and (full or waiting[0].appended_ms < before_ms))
        if waiting:
            assert cutter.peek(now_ms) == simple_block(waiting, cutter.stored, before_ms)


@given(log=logs)
def test_neighbours_end_at_the_first_hole(log):
    messages = numbered(log)
    found = neighbours(messages)
    first = messages[0].offset
    assert [one.offset for one in found] == list(range(first, first + len(found)))
    assert len(found) == len(messages) or messages[len(found)].offset > first + len(found)


@given(log=logs, offset=st.integers(-2, 400))
def test_what_is_beyond_an_offset(log, offset):
    messages = numbered(log)
    assert run_of(messages).beyond(offset) == [one for one in messages if one.offset > offset]


@dataclass
class Reader:
    """A worker that reads a log, as runs of some sizes; `committed` is the offset that its group has."""

    log: list[LogMessage]
    sizes: Iterator[int]
    now_s: float = 0.0
    asked: MemoryLog = field(default_factory=MemoryLog)
    blocks: list[Block] = field(default_factory=list)
    committed: int = 0

    def __post_init__(self) -> None:
        ends = [-1, *(one.offset for one in self.log)]
        self.asked.empty = {
            one.offset: (end + 1, one.offset - end - 1) for end, one in zip(ends, self.log, strict=False)
        }
        self.assign()

    @property
    def stored(self) -> int:
        return self.blocks[-1].span.offset_to if self.blocks else -1

    def assign(self) -> None:
        """Let go of everything, and begin where the group says."""
        self.partition = Partition(_PARTITION, self.asked, Rhythm(), elapsed_s=lambda: self.now_s)
        self.position = self.committed

    def begin(self) -> None:
        asyncio.run(self.partition.begin(self.stored))

    def fetch(self, count: int, lose: int) -> None:
        """Read on; so many messages are lost on the way, in the middle."""
        found = [one for one in self.log if one.offset >= self.position][:count]
        if not found:
            return
        self.position = found[-1].offset + 1
        middle = len(found) // 2
        asyncio.run(self._take_in(found[:middle] + found[middle + lose :]))

    async def _take_in(self, messages: list[LogMessage]) -> None:
        self.asked.sought.clear()
        for piece in cut(messages, self.sizes):
            await self.partition.take_in(run_of(piece), lambda last=piece[-1].offset: self.acknowledge(last))
        if self.asked.sought:
            self.position = self.asked.sought[-1]

    def acknowledge(self, last: int) -> None:
        assert last <= self.stored, "acknowledged before it is stored"
        self.committed = max(self.committed, last + 1)

    def store(self, now_ms: int) -> None:
        """Store a block if one is due."""
        cutter = self.partition.cutter
        if cutter is not None and cutter.due(now_ms):
            self.blocks.append(cutter.peek(now_ms))
            self.partition.let_go(self.stored)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("fetch"), st.integers(1, 20), st.sampled_from([0, 0, 0, 1, 3])),
        st.tuples(st.just("rewind"), st.integers(0, 60)),
        st.tuples(st.just("store"), st.integers(0, 5_000)),
        st.tuples(st.just("begin")),
        st.tuples(st.just("revoke")),
        st.tuples(st.just("wait")),
    ),
    max_size=60,
)


@given(log=logs, sizes=sizes, steps=steps)
def test_runs_end_in_the_same_blocks_as_messages_one_by_one_whatever_happens(log, sizes, steps):
    """Holes on the way, messages read again and assignments that end in the middle; what is committed is stored."""
    messages = numbered(log)
    readers = [Reader(messages, endless(sizes)), Reader(messages, endless([1]))]
    drain = [
        ("begin",),
        *[("wait",), ("rewind", 10_000), ("fetch", 10_000, 0), ("store", 10_000)] * (len(messages) + 2),
    ]
    for step in [*steps, *drain]:
        for reader in readers:
            match step:
                case ("fetch", count, lose):
                    reader.fetch(count, lose)
                case ("rewind", by):
                    reader.position = max(reader.position - by, 0)
                case ("store", now_ms):
                    reader.store(now_ms)
                case ("begin",) if reader.partition.cutter is None:
                    reader.begin()
                case ("revoke",):
                    reader.committed = readers[0].committed  # a group's commit may lag, and both shall read the same
                    reader.assign()
                case ("wait",):
                    reader.now_s += 1.0
        assert readers[0].committed <= readers[1].committed <= readers[1].stored + 1

    runs, ones = readers
    assert runs.blocks == ones.blocks
    assert [one for block in runs.blocks for one in block.messages] == messages
    assert sum(block.lost for block in runs.blocks) == 0
    assert runs.committed == ones.committed == messages[-1].offset + 1
    assert runs.partition.held_bytes == ones.partition.held_bytes == 0


def test_what_is_lost_is_counted_in_the_block_that_spans_it_wherever_a_run_begins():
    async def scenario(piece: int) -> Block:
        log = MemoryLog(empty={7: (3, 1)})
        partition = Partition(_PARTITION, log, Rhythm())
        await partition.begin(-1)
        messages = [message(offset) for offset in (0, 1, 2, 7, 8)]
        for part in cut(messages, endless([piece])):
            await partition.take_in(run_of(part), lambda: None)
        assert partition.cutter is not None
        return partition.cutter.peek(5_000)

    for piece in (1, 2, 5):
        assert asyncio.run(scenario(piece)).lost == 3


def test_a_run_is_acknowledged_when_it_is_stored_to_its_end_and_never_before():
    async def scenario() -> None:
        acknowledged: list[str] = []
        partition = Partition(_PARTITION, MemoryLog(), Rhythm())
        await partition.begin(-1)
        await partition.take_in(run_of([message(offset) for offset in range(10)]), lambda: acknowledged.append("first"))
        await partition.take_in(
            run_of([message(offset) for offset in range(5, 12)]), lambda: acknowledged.append("again")
        )
        partition.let_go(8)
        assert acknowledged == []
        partition.let_go(9)
        assert acknowledged == ["first"]
        partition.let_go(11)
        assert acknowledged == ["first", "again"]

    asyncio.run(scenario())


def test_what_follows_on_a_hole_is_dropped_and_its_run_is_not_acknowledged():
    async def scenario() -> None:
        log = MemoryLog()
        partition = Partition(_PARTITION, log, Rhythm())
        await partition.begin(-1)
        await partition.take_in(run_of([message(0), message(1), message(4)]), lambda: pytest_fails("acknowledged"))
        assert log.sought == [2]
        assert partition.cutter is not None
        assert partition.cutter.last == 1
        partition.let_go(1)
        assert partition.held_bytes == 0

    def pytest_fails(why: str) -> None:
        raise AssertionError(why)

    asyncio.run(scenario())
