"""The broker answers once a second, right after it; and at once what is to be read again."""

import asyncio
from typing import Any

import aiokafka
import pytest
from aiokafka.client import ConnectionGroup
from aiokafka.consumer import consumer
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.offset import OffsetRequest
from hypothesis import given
from hypothesis import strategies as st

from streams import polling
from streams.blocks import GRACE_MS


@pytest.mark.parametrize(("now_s", "within_ms"), [(7.0, 100), (7.05, 50), (7.25, 850), (7.999, 101)])
def test_an_answer_comes_a_tenth_of_a_second_after_a_second(now_s: float, within_ms: int):
    assert polling.answer_within_ms(now_s) == pytest.approx(within_ms, abs=1)


@given(now_s=st.floats(1.7e9, 1.9e9))
def test_an_answer_comes_within_a_second_and_in_time_for_the_second_to_be_stored(now_s: float):
    within_ms = polling.answer_within_ms(now_s)
    assert 0 < within_ms <= 1_001
    answered_ms = now_s * 1000 + within_ms
    assert 99 < answered_ms % 1000 < GRACE_MS


def test_messages_are_asked_for_over_a_connection_of_their_own():
    sent = []

    class Client:
        cluster = "theirs"

        async def send(self, node_id: int, request: Any, *, group: ConnectionGroup) -> str:
            sent.append(group)
            return "answer"

    async def scenario() -> None:
        apart = polling._Apart(Client())
        assert apart.cluster == "theirs"
        assert await apart.send(0, FetchRequest(1, 1, 1, 0, [])) == "answer"
        assert await apart.send(0, OffsetRequest(-1, 0, [])) == "answer"

    asyncio.run(scenario())
    assert sent == [ConnectionGroup.DEFAULT, ConnectionGroup.COORDINATION]


def test_aiokafka_uses_it():
    polling.install()
    assert consumer.Fetcher is polling.Fetcher
    assert "Fetcher" in aiokafka.AIOKafkaConsumer.start.__code__.co_names
    asked = polling.fetcher.Fetcher._get_actions_per_node.__code__
    assert "_fetch_max_wait_ms" in asked.co_names
