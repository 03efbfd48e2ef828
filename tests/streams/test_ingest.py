"""Messages become stored blocks exactly once, whatever is repeated, lost, late or away."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Self

import pytest
from structlog.testing import capture_logs

from schema import encoding
from streams.blocks import Block, Commit, LogMessage, Span, Stretch
from streams.decoded import Refusal
from streams.ingest import Ingest, _name
from streams.letters import Letters
from streams.process import Stored
from streams.store import Cut
from tests.batches import NOW_MS, batch


@dataclass
class MemoryStore:
    """A store in memory that keeps the promises of the real one: the first cut under a name counts."""

    cuts: dict[tuple[int, int], Cut] = field(default_factory=dict)
    commits: dict[str, Stored] = field(default_factory=dict)
    fails: int = 0
    errors: list[Exception] = field(default_factory=list)
    late: list[Refusal] = field(default_factory=list)
    looked_up: list[str] = field(default_factory=list)

    @property
    def blocks(self) -> list[Block]:
        return [totals.block for stored in self.commits.values() for totals in stored.totals]

    def stored_offsets(self) -> dict[int, int]:
        highest: dict[int, int] = {}
        for block in self.blocks:
            highest[block.span.partition] = max(highest.get(block.span.partition, -1), block.span.offset_to)
        return highest

    def agreed(self, names: Iterable[tuple[int, int]]) -> dict[tuple[int, int], Cut]:
        return {name: self.cuts[name] for name in names if name in self.cuts}

    def agree(self, commit: Commit) -> dict[tuple[int, int], Cut]:
        spans = [block.span for block in commit.blocks]
        return {_name(span): self.cuts.setdefault(_name(span), Cut(span, commit.commit_id)) for span in spans}

    def members(self, commit_id: str) -> list[Span]:
        self.looked_up.append(commit_id)
        return [cut.span for cut in self.cuts.values() if cut.commit_id == commit_id]

    def store(self, stored: Stored) -> None:
        if self.errors:
            raise self.errors.pop(0)
        if self.fails:
            self.fails -= 1
            raise ConnectionError("ClickHouse is away")
        before = self.commits.setdefault(stored.commit.commit_id, stored)
        assert [b.span for b in before.commit.blocks] == [b.span for b in stored.commit.blocks]
        assert [m.offset for m in before.commit.messages] == [m.offset for m in stored.commit.messages]

    def written(self, refusals: Sequence[Refusal]) -> None:
        self.late += refusals

    @property
    def lost(self) -> dict[tuple[int, int], int]:
        """How many messages are lost, by partition and last offset of their block."""
        return {(b.span.partition, b.span.offset_to): b.lost for b in self.blocks if b.lost}

    @property
    def offsets(self) -> list[int]:
        return sorted(m.offset for block in self.blocks for m in block.messages)


@dataclass
class MemoryLog:
    """A log that notes what it is asked; `kept` is what can be read back."""

    first: int = 0
    sought: list[int] = field(default_factory=list)
    letters: list[Refusal] = field(default_factory=list)
    kept: list[LogMessage] = field(default_factory=list)
    takes_letters: bool = True
    empty: dict[int, tuple[int, int]] = field(default_factory=dict)
    marked: int = 0
    same: bool = True

    def empty_before(self, partition: int, offset: int) -> Stretch:
        return Stretch(*self.empty.get(offset, (offset, 0)))

    def marks(self, span: Span) -> int:
        return self.marked

    def is_same(self) -> bool:
        return self.same

    async def seek(self, partition: int, offset: int) -> None:
        self.sought.append(offset)

    async def first_offset(self, partition: int) -> int:
        return self.first

    async def dead_letter(self, refusal: Refusal) -> None:
        if not self.takes_letters:
            raise ConnectionError("no such topic")
        self.letters.append(refusal)

    def make_dead_letters(self) -> None:
        """Do nothing: nobody may make topics here."""

    def read(self, spans: Sequence[Span]) -> list[LogMessage]:
        return [m for m in self.kept for span in spans if span.offset_from <= m.offset <= span.offset_to]


def message(offset: int, second: int = 0, value: bytes | None = None) -> LogMessage:
    return LogMessage(0, offset, NOW_MS + 1000 * second, value or encoding.encode(batch(power_w=1.0)), None)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.005)


class Run:
    """One worker with one partition; its clock is long past every second."""

    def __init__(self, store: MemoryStore, log: MemoryLog | None = None, now_s: float = NOW_MS / 1000 + 3600) -> None:
        self.log = log or MemoryLog()
        self.acknowledged: list[int] = []
        letters = Letters(self.log, store.written, again_s=0.01)
        self.ingest = Ingest(store, self.log, letters=letters, now_s=lambda: now_s)

    async def __aenter__(self) -> Self:
        self.ingest.assign([0])
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.ingest.revoke()

    async def add(self, *messages: LogMessage) -> None:
        for one in messages:
            await self.ingest.add(one, lambda offset=one.offset: self.acknowledged.append(offset))


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


def test_what_another_worker_began_is_finished_first_from_the_log():
    async def scenario():
        log = MemoryLog(kept=[message(0), message(1), message(2)])
        store = MemoryStore(cuts={(0, 0): Cut(Span(0, 0, 1), "theirs")})
        async with Run(store, log) as run:
            await run.add(message(0), message(1), message(2))
            await until(lambda: store.offsets == [0, 1, 2])
            await until(lambda: sorted(run.acknowledged) == [0, 1, 2])
        assert [m.offset for m in store.commits["theirs"].commit.messages] == [0, 1]

    asyncio.run(scenario())


def test_a_commit_of_a_rival_that_was_quicker_is_finished_as_the_rival_cut_it():
    async def scenario():
        log = MemoryLog(kept=[message(offset) for offset in range(4)])
        store = MemoryStore()
        async with Run(store, log) as run:
            await until(lambda: run.ingest._partitions[0].cutter is not None)  # it has looked for cuts already
            store.cuts[0, 0] = Cut(Span(0, 0, 2), "theirs")
            await run.add(message(0))
            await until(lambda: store.offsets == [0, 1, 2])
            await run.add(message(1), message(2), message(3))
            await until(lambda: store.offsets == [0, 1, 2, 3])

    asyncio.run(scenario())


def test_a_clock_that_is_behind_the_brokers_delays_nothing():
    async def scenario():
        store = MemoryStore()
        async with Run(store, now_s=0) as run:
            await run.add(message(0), message(1, second=2))
            await until(lambda: store.offsets == [0])

    asyncio.run(scenario())


def test_partitions_that_are_due_together_are_stored_together():
    async def scenario():
        store, acknowledged = MemoryStore(), []
        ingest = Ingest(store, MemoryLog(), now_s=lambda: NOW_MS / 1000 + 3600)
        ingest.assign([0, 1, 2])
        for number in range(3):
            one = LogMessage(number, 0, NOW_MS, encoding.encode(batch()), None)
            await ingest.add(one, lambda number=number: acknowledged.append(number))
        await until(lambda: sorted(acknowledged) == [0, 1, 2])
        await ingest.revoke()
        assert len(store.commits) == 1

    asyncio.run(scenario())


@pytest.mark.parametrize(("fit", "commits"), [(3, 1), (2, 2), (1, 3), (0, 3)])
def test_a_commit_is_no_heavier_than_its_bound_but_for_one_block(fit: int, commits: int):
    async def scenario():
        store, acknowledged = MemoryStore(), []
        ones = [LogMessage(number, 0, NOW_MS, encoding.encode(batch()), None) for number in range(3)]
        ingest = Ingest(
            store, MemoryLog(), now_s=lambda: NOW_MS / 1000 + 3600, parallel=1, max_commit_weight=fit * ones[0].weight
        )
        ingest.assign([0, 1, 2])
        for one in ones:
            await ingest.add(one, lambda one=one: acknowledged.append(one.partition))
        await until(lambda: sorted(acknowledged) == [0, 1, 2])
        await ingest.revoke()
        assert len(store.commits) == commits

    asyncio.run(scenario())


def test_messages_wait_while_too_much_is_held_back():
    """Nothing is over yet, so nothing is let go: the second one waits for the first to be stored."""

    async def scenario():
        store = MemoryStore(fails=1_000_000)
        ingest = Ingest(store, MemoryLog(), now_s=lambda: NOW_MS / 1000 + 3600, max_held_bytes=message(0).nbytes)
        ingest.assign([0])
        for offset in (0, 1):
            await ingest.add(message(offset), lambda: None)
        waiting = asyncio.ensure_future(ingest.add(message(2), lambda: None))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        assert ingest.held_bytes == 2 * message(0).nbytes

        store.fails = 0
        await until(waiting.done)
        await until(lambda: store.offsets == [0, 1, 2])
        await until(lambda: ingest.held_bytes == 0)
        await ingest.revoke()

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


def test_each_kind_of_failure_of_the_store_is_logged_once():
    """The second one may be what keeps it away; and a full disk is called one."""

    async def scenario():
        away, full = ConnectionError("no answer to 17"), RuntimeError("Code: 243. No room (NOT_ENOUGH_SPACE)")
        store = MemoryStore(errors=[away, full, ConnectionError("no answer to 18"), full])
        async with Run(store) as run:
            await run.add(message(0))
            await until(lambda: store.offsets == [0])

    with capture_logs() as lines:
        asyncio.run(scenario())
    assert [line.get("error") for line in lines] == [
        "no answer to 17",
        "the disk is full: free some space (Code: 243. No room (NOT_ENOUGH_SPACE))",
        None,
    ]


def test_messages_that_come_twice_are_stored_once():
    async def scenario():
        store = MemoryStore()
        async with Run(store) as run:
            await run.add(message(0), message(1), message(0), message(1), message(2))
            await until(lambda: store.offsets == [0, 1, 2])

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


def test_offsets_that_hold_no_message_are_passed_over_at_once_and_no_others():
    async def scenario():
        store = MemoryStore()
        async with Run(store) as run:
            run.log.empty = {2: (1, 1), 4: (3, 1)}
            await run.add(message(0), message(2), message(4))
            await until(lambda: store.offsets == [0, 2, 4])
            assert run.log.sought == []
            for _ in range(5):  # however often what comes later comes again
                await run.add(message(9))
                await asyncio.sleep(0.3)
            await run.add(*(message(offset) for offset in range(5, 10)))
            await until(lambda: store.offsets == [0, 2, 4, 5, 6, 7, 8, 9])

    asyncio.run(scenario())


def test_a_message_of_the_far_future_holds_nothing_back():
    async def scenario():
        store = MemoryStore()
        async with Run(store, now_s=NOW_MS / 1000) as run:
            await run.add(message(0, second=10**9), message(1, second=2 * 10**9), message(2))
            await until(lambda: store.offsets == [0, 1, 2])

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


def test_a_dead_letter_that_cannot_be_written_stops_nothing_and_is_noted_with_its_commit():
    async def scenario():
        store, log = MemoryStore(), MemoryLog(takes_letters=False)
        async with Run(store, log) as run:
            await run.add(message(0, value=b"garbage"), message(1, second=1))
            await until(lambda: store.offsets == [0, 1])
        (letter,) = [letter for stored in store.commits.values() for letter in stored.unwritten]
        assert (letter.refusal.offset, letter.why) == (0, "ConnectionError: no such topic")

    asyncio.run(scenario())


def test_a_dead_letter_is_owed_until_it_can_be_written():
    async def scenario():
        store, log = MemoryStore(), MemoryLog(takes_letters=False)
        async with Run(store, log) as run:
            await run.add(message(0, value=b"garbage"), message(1, second=1))
            await until(lambda: store.offsets == [0, 1])
            log.takes_letters = True
            await until(lambda: [letter.offset for letter in store.late] == [0])
        assert [letter.offset for letter in log.letters] == [0]

    asyncio.run(scenario())


def test_a_commit_that_is_done_again_notes_which_letters_were_written():
    """Whoever began it may have noted that it could not write them."""

    async def scenario():
        log = MemoryLog(kept=[message(0, value=b"garbage")])
        store = MemoryStore(cuts={(0, 0): Cut(Span(0, 0, 0), "theirs")})
        async with Run(store, log):
            await until(lambda: [letter.offset for letter in store.late] == [0])

    asyncio.run(scenario())


def test_what_was_finished_at_the_start_is_acknowledged_and_not_done_again():
    async def scenario():
        log = MemoryLog(kept=[message(0), message(1)])
        store = MemoryStore(cuts={(0, 0): Cut(Span(0, 0, 1), "theirs")})
        async with Run(store, log) as run:
            await run.add(message(0), message(1), message(2, second=1))
            await until(lambda: store.offsets == [0, 1, 2] and run.acknowledged == [0, 1, 2])
        assert store.looked_up == ["theirs"]

    asyncio.run(scenario())


def test_messages_of_a_revoked_partition_are_left_to_its_new_owner():
    async def scenario():
        store = MemoryStore()
        run = Run(store)
        await run.add(message(0))
        assert run.ingest.held_bytes == 0
        assert run.acknowledged == []

    asyncio.run(scenario())


@pytest.mark.parametrize("seed", range(5))
def test_two_workers_that_both_believe_to_own_a_partition_store_it_once(seed):
    async def scenario():
        store = MemoryStore()
        messages = [message(offset, second=offset // (2 + seed)) for offset in range(40)]
        log = MemoryLog(kept=messages)
        async with Run(store, log) as zombie, Run(store, log) as owner:
            for index, one in enumerate(messages):
                await (zombie if index % (seed + 2) == 0 else owner).add(one)
                await zombie.add(*messages[: index + 1])
                await owner.add(*messages[: index + 1])
                await asyncio.sleep(0.001)
            await until(lambda: store.offsets == list(range(40)))

    asyncio.run(scenario())


def test_a_failure_that_a_revocation_cut_off_is_over_once_anything_is_stored():
    """It never succeeds itself: the next one of its kind must be said all the same."""

    async def scenario():
        store = MemoryStore(fails=10**6)
        async with Run(store, MemoryLog(kept=[message(0)])) as run:
            await run.add(message(0))
            await until(lambda: bool(run.ingest.trouble))
            await run.ingest.revoke()
            store.fails = 0
            run.ingest.assign([0])
            await run.add(message(0))
            await until(lambda: run.acknowledged == [0])
            assert run.ingest.trouble == ""
            store.fails = 1
            await run.add(message(1))
            await until(lambda: run.acknowledged == [0, 1])

    with capture_logs() as lines:
        asyncio.run(scenario())
    said = [line["event"] for line in lines if line["event"].startswith(("cannot", "storing"))]
    assert said == ["cannot store; retrying, nothing is lost", "storing again"] * 2


def test_while_one_thing_fails_what_succeeds_beside_it_ends_nothing():
    """Two commits at once: the one that waits is still said to wait, and once."""

    async def scenario():
        store = MemoryStore()
        run = Run(store)
        attempts = []

        def failing() -> None:
            attempts.append(1)
            if len(attempts) < 3:
                raise ConnectionError("ClickHouse is away")

        waiting = asyncio.ensure_future(run.ingest._insist(failing))
        await until(lambda: bool(attempts))
        await run.ingest._insist(store.stored_offsets)
        assert run.ingest.trouble == "ClickHouse is away"
        await waiting
        assert run.ingest.trouble == ""

    with capture_logs() as lines:
        asyncio.run(scenario())
    assert [line["event"] for line in lines] == ["cannot store; retrying, nothing is lost", "storing again"]
