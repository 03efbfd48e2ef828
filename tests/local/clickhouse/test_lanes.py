import asyncio
import contextlib

import pytest

from local.clickhouse.errors import EngineError
from local.clickhouse.lanes import Lane


def run(scenario, **bounds):
    """Run a scenario on a lane with two turns, one place to wait and little patience."""

    async def on_a_lane():
        lane = Lane("reader", **{"at_once": 2, "waiting": 1, "patience_s": 0.05, **bounds})
        try:
            await scenario(lane)
        finally:
            lane.close()

    asyncio.run(on_a_lane())


async def waits(lane):
    """Wait for a turn, and give it back."""
    async with lane.turn():
        pass


def test_turns_are_had_up_to_the_bound_and_come_back():
    async def scenario(lane):
        for _ in range(5):
            async with lane.turn(), lane.turn():
                pass

    run(scenario)


def test_who_waits_too_long_is_refused_with_the_reason():
    async def scenario(lane):
        async with lane.turn(), lane.turn():
            with pytest.raises(EngineError, match=r"reader: 2 statements .* none finished within 0.05 s") as refused:
                await waits(lane)

        assert refused.value.http_status == 503
        await waits(lane)

    run(scenario)


def test_who_finds_the_queue_full_is_refused_at_once():
    async def scenario(lane):
        async with lane.turn(), lane.turn():
            waiting = asyncio.create_task(waits(lane))
            await asyncio.sleep(0)
            with pytest.raises(EngineError, match="1 are waiting"):
                await waits(lane)
        await waiting

    run(scenario, patience_s=10.0)


def test_who_goes_away_while_waiting_takes_no_turn():
    async def scenario(lane):
        async with lane.turn(), lane.turn():
            waiting = asyncio.create_task(waits(lane))
            await asyncio.sleep(0.01)
            waiting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await waiting
        async with lane.turn(), lane.turn():
            pass

    run(scenario, patience_s=10.0)
