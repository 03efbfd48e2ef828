"""The broker answers once a beat, right after it; and at once what is to be read again."""

import asyncio
from typing import Any

import aiokafka
from aiokafka.client import ConnectionGroup
from aiokafka.consumer import consumer
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.offset import OffsetRequest

from streams import polling
from streams.rhythm import Rhythm


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
    rhythm = Rhythm()
    polling.install(rhythm)
    assert (consumer.Fetcher.func, consumer.Fetcher.args) == (polling.Fetcher, (rhythm,))
    assert "Fetcher" in aiokafka.AIOKafkaConsumer.start.__code__.co_names
    asked = polling.fetcher.Fetcher._get_actions_per_node.__code__
    assert "_fetch_max_wait_ms" in asked.co_names
