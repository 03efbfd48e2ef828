"""Faust is given runs as events, and commits no offset that is not acknowledged."""

import asyncio
from collections.abc import Awaitable, Callable

import faust
from faust.types import TP

from schema.topics import SAMPLES
from streams.blocks import LogMessage
from streams.consumer import Consumer, Transport
from streams.runs import Run

_TP = TP(SAMPLES, 3)


def run_of(*offsets: int) -> Run:
    return Run([LogMessage(3, offset, 5_000 + offset, b"xy", None) for offset in offsets], 2 * len(offsets))


def with_consumer(check: Callable[[Consumer], Awaitable[None]]) -> None:
    async def scenario() -> None:
        app = faust.App("gigawatt-test", broker="kafka://127.0.0.1:1", store="memory://")
        app.transport = Transport(app.conf.broker_consumer, app)
        app.topics._acking_topics.add(SAMPLES)
        assert isinstance(app.consumer, Consumer)
        try:
            await check(app.consumer)
        finally:
            app.consumer._thread.thread_loop.close()  # which only its thread would close, and it is not started

    asyncio.run(scenario())


def acknowledge(consumer: Consumer, run: Run) -> None:
    consumer.ack(consumer._to_message(_TP, run))


def test_an_event_has_the_offset_of_its_runs_last_message_and_the_run_for_its_value():
    async def check(consumer: Consumer) -> None:
        run = run_of(4, 5, 9)
        message = consumer._to_message(_TP, run)
        assert (message.tp, message.offset, message.value, message.headers) == (_TP, 9, run, None)
        assert message.generation_id == consumer.app.consumer_generation_id

    with_consumer(check)


def test_what_is_committed_follows_the_last_run_that_is_acknowledged():
    async def check(consumer: Consumer) -> None:
        assert consumer._filter_committable_offsets([_TP]) == {}
        acknowledge(consumer, run_of(4, 5, 9))
        acknowledge(consumer, run_of(12, 13))
        assert consumer._filter_committable_offsets([_TP]) == {_TP: 14}
        assert consumer._filter_committable_offsets([_TP]) == {}

    with_consumer(check)


def test_a_gap_commits_nothing_beyond_what_is_acknowledged():
    """A run was dropped because of a hole before it, and read again in parts: Faust would commit all of the gap."""

    async def check(consumer: Consumer) -> None:
        consumer._committed_offset[_TP] = 10
        await consumer._add_gap(_TP, 10, 29)
        acknowledge(consumer, run_of(10, 14))
        assert consumer._filter_committable_offsets([_TP]) == {_TP: 15}

    with_consumer(check)


def test_a_run_that_is_read_again_takes_nothing_back():
    async def check(consumer: Consumer) -> None:
        consumer._committed_offset[_TP] = 14
        acknowledge(consumer, run_of(4, 5))
        assert consumer._filter_committable_offsets([_TP]) == {}

    with_consumer(check)
