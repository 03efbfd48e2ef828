"""From messages of the log to stored commits. Knows neither Faust nor ClickHouse.

Runs of messages of assigned partitions are given to `add_run` and held back by partition until their beat is over.
What is due then goes into one commit, is processed and stored in threads, and only then acknowledged. Where a partition
begins is what the ledger says, whatever offsets the group has committed: what is stored already is skipped, a hole is
asked for again, and a commit that another worker left unfinished is finished first, from the log.
"""

import asyncio
import contextlib
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final, Protocol, TypeVar

import structlog

from schema import disk
from schema.clickhouse_errors import in_words
from schema.said import Reasons
from schema.topics import LOST
from streams.admission import NOTHING_SEEN
from streams.blocks import Block, Commit, LogMessage, PartitionCutter, Span
from streams.counts import Counts
from streams.decoded import Refusal
from streams.letters import Letters
from streams.partition import Log, Partition
from streams.process import Processor, Stored
from streams.rhythm import Rhythm
from streams.runs import Run
from streams.store import Cut

MAX_HELD_BYTES: Final = 64 * 2**20
MAX_COMMIT_WEIGHT: Final = 48 * 2**20
_LOOK_AGAIN_S: Final = 0.05
_RETRY_S: Final = (0.25, 0.5, 1.0, 2.0, 5.0)
_NUMBER: Final = re.compile(r"[0-9a-f-]*\d[0-9a-f-]*")

T = TypeVar("T")

log = structlog.get_logger()


class CommitStore(Protocol):
    """What ingest asks of the store; calls block, and may be repeated."""

    def stored_offsets(self) -> dict[int, int]:
        """Return the highest stored offset of each partition; the one before its first cut where nothing is stored."""

    def agreed(self, names: Iterable[tuple[int, int]]) -> dict[tuple[int, int], Cut]:
        """Return what stands for blocks of these names."""

    def agree(self, commit: Commit) -> dict[tuple[int, int], Cut]:
        """Propose cuts and return those that stand."""

    def members(self, commit_id: str) -> list[Span]:
        """Return the blocks of a commit."""

    def store(self, stored: Stored) -> None:
        """Store a commit."""

    def written(self, refusals: Sequence[Refusal]) -> None:
        """Note that dead letters were written after all."""


class Ingest:
    """Stores what is added. `now_s` is the wall clock, which says when a beat of the `rhythm` is over.

    Messages wait to be added while `max_held_bytes` are held back; a commit has one block at least, and more as long as
    all of them weigh no more than `max_commit_weight`.
    """

    def __init__(
        self,
        store: CommitStore,
        reader: Log,
        *,
        processor: Processor | None = None,
        letters: Letters | None = None,
        rhythm: Rhythm | None = None,
        now_s: Callable[[], float] = time.time,
        parallel: int = 2,
        max_held_bytes: int = MAX_HELD_BYTES,
        max_commit_weight: int = MAX_COMMIT_WEIGHT,
    ) -> None:
        self._store = store
        self._reader = reader
        self._letters = letters or Letters(reader, store.written)
        self._processor = processor or Processor()
        self._rhythm = rhythm or Rhythm()
        self._now_s = now_s
        self._parallel = parallel
        self._max_held_bytes = max_held_bytes
        self._max_commit_weight = max_commit_weight
        self._partitions: dict[int, Partition] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._said = Reasons()
        self._failing = 0
        self._log_ms = 0
        self.counts = Counts()
        self.trouble = ""
        """Why nothing can be stored now, in one line."""

    @property
    def letters(self) -> Letters:
        """The dead letters."""
        return self._letters

    @property
    def places(self) -> dict[int, tuple[int, int]]:
        """The last offset that is stored, and the last that is here, of each partition that has begun."""
        states = list(self._partitions.values())
        return {one.number: _place(one.cutter) for one in states if one.cutter is not None}

    @property
    def partitions(self) -> int:
        """How many partitions are assigned."""
        return len(self._partitions)

    @property
    def held_bytes(self) -> int:
        """How many bytes of messages are held back."""
        return sum(partition.held_bytes for partition in list(self._partitions.values()))

    def assign(self, partitions: Sequence[int]) -> None:
        """Begin with these partitions; call `revoke` first."""
        self._partitions = {number: Partition(number, self._reader, self._rhythm) for number in partitions}
        if partitions:
            self._spawn(self._run(self._partitions, asyncio.Semaphore(self._parallel)))

    async def revoke(self) -> None:
        """Let go of all partitions. A commit that is being stored may still be stored: that harms nobody."""
        self._partitions = {}
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def add(self, message: LogMessage, acknowledge: Callable[[], None]) -> None:
        """Take in a message, as a run of one."""
        await self.add_run(Run([message], message.nbytes), acknowledge)

    async def add_run(self, run: Run, acknowledge: Callable[[], None]) -> None:
        """Take in a run of messages; waits while too much is held back. It is acknowledged when all of it is stored."""
        self._log_ms = max(self._log_ms, run.latest_ms)
        while self.held_bytes > self._max_held_bytes:  # noqa: ASYNC110  many things make room, and none is in a hurry
            await asyncio.sleep(_LOOK_AGAIN_S)
        partition = self._partitions.get(run.partition)
        if partition is not None:  # else of an assignment that is over; whoever has it now reads it again
            await partition.take_in(run, acknowledge)

    async def _run(self, states: dict[int, Partition], working: asyncio.Semaphore) -> None:
        """Begin where the ledger says, then store what is due until the partitions are revoked."""
        stored = await self._insist(self._store.stored_offsets)
        begin = {}
        for number in states:
            if number in stored:
                begin[number] = stored[number]
            else:
                begin[number] = await self._insist_on(partial(self._reader.first_offset, number)) - 1
        unfinished = await self._insist(self._store.agreed, [(number, last + 1) for number, last in begin.items()])
        for commit_id in sorted({cut.commit_id for cut in unfinished.values()}):
            await self._finish(commit_id)
        for number, state in states.items():
            cut = unfinished.get((number, begin[number] + 1))
            await state.begin(cut.span.offset_to if cut else begin[number])
        while True:
            blocks = self._due(states)
            if not blocks:
                await asyncio.sleep(_LOOK_AGAIN_S)
                continue
            for block in blocks:
                states[block.span.partition].busy = True
            await working.acquire()
            self._spawn(self._commit(states, Commit(str(uuid.uuid4()), blocks), working))

    def _due(self, states: dict[int, Partition]) -> list[Block]:
        """Return the blocks for the next commit."""
        now_ms = max(int(self._now_s() * 1000), self._log_ms)  # our clock may be behind the broker's
        blocks: list[Block] = []
        weight = 0
        for state in states.values():
            if state.cutter is None or state.busy or not state.cutter.due(now_ms):
                continue
            block = state.cutter.peek(now_ms)
            if blocks and weight + block.weight > self._max_commit_weight:
                break
            blocks.append(block)
            weight += block.weight
        return blocks

    async def _commit(self, states: dict[int, Partition], commit: Commit, working: asyncio.Semaphore) -> None:
        """Store the blocks that are agreed to be ours; where another worker was first, finish what it began."""
        seen = self._processor.seen
        began_s = time.monotonic()
        try:
            cuts = await self._insist(self._store.agree, commit)
            ours = [block for block in commit.blocks if cuts[_name(block.span)].commit_id == commit.commit_id]
            if ours:
                await self._process_and_store(Commit(commit.commit_id, ours), seen)
            for commit_id in sorted({cut.commit_id for cut in cuts.values()} - {commit.commit_id}):
                await self._finish(commit_id)
        finally:
            working.release()
        for block in commit.blocks:
            state = states[block.span.partition]
            state.let_go(cuts[_name(block.span)].span.offset_to)
            state.busy = False
        self._rhythm.took(time.monotonic() - began_s)

    async def _finish(self, commit_id: str) -> None:
        """Do a commit of another worker again, from the log: whatever it had stored is not stored twice."""
        spans = await self._insist(self._store.members, commit_id)
        log.info("finishing a commit that another worker began", blocks=len(spans))
        messages = await self._insist(self._reader.read, spans)
        blocks = [await self._read_back(span, [m for m in messages if _lies_in(m, span)]) for span in spans]
        stored = await self._process_and_store(Commit(commit_id, blocks), NOTHING_SEEN)
        missing = {id(letter.refusal) for letter in stored.unwritten}
        # Whoever began may have noted that it could not write them.
        await self._insist(self._store.written, [one for one in stored.refusals if id(one) not in missing])

    async def _read_back(self, span: Span, messages: list[LogMessage]) -> Block:
        """Return what is left of a block that was read back, and how many of its messages are lost: all, at worst."""
        empty = span.offset_to + 1 - span.offset_from - len(messages)
        lost = max(empty - await self._insist(self._reader.marks, span), 0) if empty else 0
        if lost:
            log.error(LOST, partition=span.partition, lost=lost, offset_from=span.offset_from)
        return Block(span, messages, lost)

    async def _process_and_store(self, commit: Commit, seen: int) -> Stored:
        """Store a commit, its dead letters first: those that cannot be written in time are noted in it, and owed."""
        if not await self._insist(self._reader.is_same):
            await asyncio.Event().wait()  # its messages may be of another topic: this worker is about to end
        began_s = time.monotonic()
        stored = await self._insist(partial(self._processor.process, commit, seen))
        stored = replace(stored, unwritten=await self._letters.write(stored.refusals))
        await self._insist(self._store.store, stored)
        self.counts.note(stored, took_s=time.monotonic() - began_s, now_s=time.time())
        self._letters.owe(stored.unwritten)
        return stored

    async def _insist(self, call: Callable[..., T], *args: Any) -> T:
        """Call in a thread until it works: whoever is away is waited for, and nothing is lost."""
        return await self._insist_on(partial(asyncio.to_thread, call, *args))

    async def _insist_on(self, call: Callable[[], Awaitable[T]]) -> T:
        """Await what `call` makes until it works."""
        attempts = 0
        try:
            while True:
                try:
                    result = await call()
                    break
                except Exception as error:  # noqa: BLE001  any failure is one to be waited out, said aloud
                    attempts += 1
                    self._failing += attempts == 1
                    self._note_failure(_one_line(error))
                    await asyncio.sleep(_RETRY_S[min(attempts, len(_RETRY_S)) - 1])
        finally:
            self._failing -= attempts > 0
        self._note_success(attempts)
        return result

    def _note_failure(self, line: str) -> None:
        self.counts.failed_attempts += 1
        self.trouble = line
        if self._said.is_new(_NUMBER.sub("", line)):  # one kind of failure may be of many offsets
            log.warning("cannot store; retrying, nothing is lost", error=line)

    def _note_success(self, attempts: int) -> None:
        """Say that all is well again once nothing fails any more, be it what failed or what came in its place.

        After a revocation what failed is cancelled, and never succeeds itself.
        """
        if self._failing:
            return
        self.trouble = ""
        if self._said.clear():
            log.info("storing again", attempts=attempts)


def _place(cutter: PartitionCutter) -> tuple[int, int]:
    try:
        return cutter.stored, cutter.last
    except IndexError:  # it was let go of while another thread looked
        return cutter.stored, cutter.stored


def _name(span: Span) -> tuple[int, int]:
    return span.partition, span.offset_from


def _lies_in(message: LogMessage, span: Span) -> bool:
    return message.partition == span.partition and span.offset_from <= message.offset <= span.offset_to


def _one_line(error: BaseException) -> str:
    if said := in_words(error):
        return said
    line = (str(error).splitlines() or [type(error).__name__])[0][:200]
    return f"{disk.FULL} ({line})" if disk.is_full(str(error)) else line
