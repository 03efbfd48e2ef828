"""From messages of the log to stored blocks, partition by partition. Knows neither Faust nor ClickHouse.

Messages of assigned partitions are given to `add`; each partition has a task that cuts blocks, has them processed and
stored in threads, and only then acknowledges. Where a partition begins is what the ledger says, whatever offsets the
group has committed: what is stored already is skipped, and a hole is asked for again.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Protocol, TypeVar

import structlog

from streams.blocks import Block, LogMessage, PartitionCutter
from streams.decoded import Refusal
from streams.process import Processor, Stored

_MAX_WAITING_BYTES: Final = 64 * 2**20
_LOOK_AGAIN_S: Final = 0.05
_ASK_AGAIN_S: Final = 1.0
_ASK_AT_MOST: Final = 3
_RETRY_S: Final = (0.25, 0.5, 1.0, 2.0, 5.0)

T = TypeVar("T")

log = structlog.get_logger()


class BlockStore(Protocol):
    """What ingest asks of the store; calls block, and may be repeated."""

    def stored_offset(self, partition: int) -> int | None:
        """Return the highest stored offset."""

    def agreed_cut(self, partition: int, offset_from: int) -> int | None:
        """Return the agreed end of a block, if there is one."""

    def agree_cut(self, block: Block) -> int:
        """Agree on the end of a block."""

    def store(self, stored: Stored) -> None:
        """Store a block."""


class Log(Protocol):
    """What ingest asks of the log's reader."""

    async def seek(self, partition: int, offset: int) -> None:
        """Go on reading at `offset`."""

    async def first_offset(self, partition: int) -> int:
        """Return the oldest offset that the log still has."""

    async def dead_letter(self, partition: int, refusal: Refusal) -> None:
        """Keep what was refused; return when it is kept."""


@dataclass
class _Partition:
    """One assigned partition; `cutter` is there once the ledger has been read."""

    number: int
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    early: list[tuple[LogMessage, Callable[[], None]]] = field(default_factory=list)
    acknowledge: dict[int, Callable[[], None]] = field(default_factory=dict)
    cutter: PartitionCutter | None = None
    agreed: int | None = None
    asked_at_s: float = 0.0
    asked: int = 0
    task: asyncio.Task[None] | None = None


class Ingest:
    """Stores what is added. `now_s` is the wall clock, which closes a block when no later message does."""

    def __init__(
        self,
        store: BlockStore,
        reader: Log,
        *,
        processor: Processor | None = None,
        now_s: Callable[[], float] = time.time,
        parallel: int = 6,
    ) -> None:
        self._store = store
        self._reader = reader
        self._processor = processor or Processor()
        self._now_s = now_s
        self._working = asyncio.Semaphore(parallel)
        self._processing = asyncio.Lock()
        self._partitions: dict[int, _Partition] = {}
        self._waiting_bytes = 0
        self._room = asyncio.Event()
        self._room.set()
        self._away = False

    @property
    def waiting_bytes(self) -> int:
        """How many bytes of messages are held back."""
        return self._waiting_bytes

    def assign(self, partitions: Sequence[int]) -> None:
        """Begin with these partitions; call `revoke` first."""
        for number in partitions:
            state = self._partitions[number] = _Partition(number)
            state.task = asyncio.create_task(self._run(state), name=f"partition {number}")

    async def revoke(self) -> None:
        """Let go of all partitions. A block that is being stored may still be stored: that harms nobody."""
        states, self._partitions = list(self._partitions.values()), {}
        for state in states:
            if state.task is not None:
                state.task.cancel()
        for state in states:
            if state.task is not None:
                with contextlib.suppress(asyncio.CancelledError):
                    await state.task
        self._waiting_bytes = 0
        self._room.set()

    async def add(self, partition: int, message: LogMessage, acknowledge: Callable[[], None]) -> None:
        """Take in a message; waits while too much is held back."""
        await self._room.wait()
        state = self._partitions.get(partition)
        if state is None:
            return  # of an assignment that is over; whoever has the partition now reads it again
        if state.cutter is None:
            state.early.append((message, acknowledge))
            self._count(message.nbytes)
        else:
            await self._take_in(state, message, acknowledge)
        state.arrived.set()

    async def _take_in(self, state: _Partition, message: LogMessage, acknowledge: Callable[[], None]) -> None:
        cutter = state.cutter
        if cutter is None:
            return
        if message.offset <= cutter.last:
            acknowledge()  # stored already, or held already
            return
        if message.offset > cutter.last + 1 and not await self._hole_is_real(state, message.offset):
            return
        state.asked = 0
        cutter.add(message)
        state.acknowledge[message.offset] = acknowledge
        self._count(message.nbytes)

    async def _hole_is_real(self, state: _Partition, offset: int) -> bool:
        """Decide about missing offsets: the log lost them, or it never had them, or they must be read again."""
        cutter = state.cutter
        if cutter is None:
            return False
        expected = cutter.last + 1
        first = await self._reader.first_offset(state.number)
        if first > expected and cutter.last == cutter.stored:
            log.error("the log lost messages before they were stored", partition=state.number, lost=first - expected)
            cutter.lost(first)
            if offset == first:
                return True
            await self._reader.seek(state.number, first)
            return False
        if state.asked >= _ASK_AT_MOST and time.monotonic() - state.asked_at_s >= _ASK_AGAIN_S:
            return True  # asked often enough: no message has these offsets (transaction marks take some)
        if state.asked == 0 or time.monotonic() - state.asked_at_s >= _ASK_AGAIN_S:
            state.asked += 1
            state.asked_at_s = time.monotonic()
            await self._reader.seek(state.number, expected)
        return False

    def _count(self, nbytes: int) -> None:
        self._waiting_bytes += nbytes
        if self._waiting_bytes > _MAX_WAITING_BYTES:
            self._room.clear()
        else:
            self._room.set()

    async def _run(self, state: _Partition) -> None:
        """Cut and store one partition's blocks until it is revoked."""
        stored = await self._insist(self._store.stored_offset, state.number)
        if stored is None:
            stored = await self._reader.first_offset(state.number) - 1
        state.agreed = await self._insist(self._store.agreed_cut, state.number, stored + 1)
        state.cutter = cutter = PartitionCutter(state.number, stored)
        early, state.early = state.early, []
        for message, acknowledge in early:
            self._count(-message.nbytes)
            await self._take_in(state, message, acknowledge)
        while True:
            block = self._next_block(state, cutter)
            if block is None:
                state.arrived.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(state.arrived.wait(), _LOOK_AGAIN_S)
                continue
            async with self._working:
                await self._store_block(state, cutter, block)

    def _next_block(self, state: _Partition, cutter: PartitionCutter) -> Block | None:
        if state.agreed is not None:
            return cutter.peek(state.agreed) if cutter.holds(state.agreed) else None
        return cutter.peek() if cutter.due(int(self._now_s() * 1000)) else None

    async def _store_block(self, state: _Partition, cutter: PartitionCutter, block: Block) -> None:
        if state.agreed is None:
            state.agreed = await self._insist(self._store.agree_cut, block)
        if state.agreed != block.offset_to:
            if not cutter.holds(state.agreed):
                return  # the other worker's block is longer: wait for the rest of it
            block = cutter.peek(state.agreed)
        async with self._processing:  # the cache of rosters is not for two threads
            stored = await asyncio.to_thread(self._processor.process, block)
        for refusal in stored.refusals:
            await self._insist_on(partial(self._reader.dead_letter, state.number, refusal))
        await self._insist(self._store.store, stored)
        state.agreed = None
        cutter.take(block)
        self._count(-sum(message.nbytes for message in block.messages))
        for message in block.messages:
            state.acknowledge.pop(message.offset)()

    async def _insist(self, call: Callable[..., T], *args: Any) -> T:
        """Call in a thread until it works: whoever is away is waited for, and nothing is lost."""
        return await self._insist_on(partial(asyncio.to_thread, call, *args))

    async def _insist_on(self, call: Callable[[], Awaitable[T]]) -> T:
        """Await what `call` makes until it works."""
        attempt = 0
        while True:
            try:
                result = await call()
            except Exception as error:  # noqa: BLE001  any failure is one to be waited out, said aloud
                if not self._away:
                    self._away = True
                    log.warning("cannot store; waiting, nothing is lost", error=_one_line(error))
                await asyncio.sleep(_RETRY_S[min(attempt, len(_RETRY_S) - 1)])
                attempt += 1
            else:
                if self._away and attempt:
                    self._away = False
                    log.info("storing again", attempts=attempt)
                return result


def _one_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
