"""Dead letters are written, or counted and tried again; nobody waits for them for long."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from streams.decoded import Refusal
from streams.letters import Letters, content_type_kept


def letter(offset: int, value: bytes = b"garbage") -> Refusal:
    return Refusal(0, offset, 0, "undecodable", 1, "", value, None)


@dataclass
class Topic:
    """A topic of dead letters that may be missing, slow to answer, or too small for some."""

    there: bool = True
    may_be_made: bool = True
    hangs: bool = False
    most_bytes: int = 100
    kept: list[int] = field(default_factory=list)
    asked: int = 0
    made: int = 0

    async def dead_letter(self, refusal: Refusal) -> None:
        self.asked += 1
        if self.hangs:
            await asyncio.sleep(60)
        if not self.there:
            raise ConnectionError("unknown topic")
        if len(refusal.value or b"") > self.most_bytes:
            raise ValueError("too large")
        self.kept.append(refusal.offset)

    def make_dead_letters(self) -> None:
        self.made += 1
        self.there |= self.may_be_made


def made(topic: Topic, late: list[int], *, most_bytes: int = 1000, patience_s: float = 60.0) -> Letters:
    def written(refusals: Sequence[Refusal]) -> None:
        late.extend(refusal.offset for refusal in refusals)

    return Letters(topic, written, patience_s=patience_s, again_s=0.02, most_bytes=most_bytes)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.005)


def test_a_missing_topic_is_made_anew():
    topic = Topic(there=False)

    assert asyncio.run(made(topic, []).write([letter(1), letter(2)])) == []
    assert sorted(topic.kept) == [1, 2]


def test_what_cannot_be_written_is_told_with_its_reason_and_written_later():
    async def scenario():
        topic, late = Topic(there=False, may_be_made=False), []
        letters = made(topic, late)
        unwritten = await letters.write([letter(1)])
        assert [one.why for one in unwritten] == ["ConnectionError: unknown topic"]
        letters.owe(unwritten)
        topic.there = True
        await until(lambda: late == [1])
        assert topic.kept == [1]
        assert await letters.write([letter(2)]) == []

    asyncio.run(scenario())


def test_a_broker_that_does_not_answer_costs_one_wait_and_no_more():
    async def scenario():
        topic = Topic(hangs=True)
        letters = made(topic, [], patience_s=0.1)
        assert len(await letters.write([letter(1)])) == 1
        asked = (topic.asked, topic.made)
        assert len(await letters.write([letter(number) for number in range(1000)])) == 1000
        assert (topic.asked, topic.made) == asked  # and it is only for what was asked that anybody waits

    asyncio.run(scenario())


def test_a_letter_that_is_too_large_keeps_no_other_from_being_written():
    async def scenario():
        topic, late = Topic(), []
        letters = made(topic, late)
        unwritten = await letters.write([letter(1, bytes(200)), letter(2)])
        assert [one.refusal.offset for one in unwritten] == [1]
        letters.owe(unwritten)
        asked = topic.asked
        await until(lambda: topic.asked > asked + 1)  # it was tried again, in vain
        more = await letters.write([letter(3)])
        letters.owe(more)
        await until(lambda: sorted(topic.kept) == [2, 3])
        topic.most_bytes = 200
        await until(lambda: 1 in late)

    asyncio.run(scenario())


def test_what_waits_to_be_written_has_a_bound():
    async def scenario():
        topic, late = Topic(there=False, may_be_made=False), []
        letters = made(topic, late, most_bytes=3)
        letters.owe(await letters.write([letter(number, b"x") for number in range(5)]))
        topic.there = True
        await until(lambda: late == [0, 1, 2])
        await asyncio.sleep(0.05)
        assert topic.kept == [0, 1, 2]

    asyncio.run(scenario())


def test_a_content_type_that_leaves_no_room_is_left_out_and_counts_while_it_waits():
    async def scenario():
        long = replace(letter(1, b""), content_type="x" * 201)
        assert content_type_kept(long) is None
        assert content_type_kept(replace(long, content_type="x" * 200)) == "x" * 200
        topic, late = Topic(there=False, may_be_made=False), []
        letters = made(topic, late, most_bytes=300)
        letters.owe(await letters.write([long, replace(long, offset=2), letter(3, b"x")]))
        topic.there = True
        await until(lambda: sorted(late) == [1, 3])

    asyncio.run(scenario())
