"""When the broker answers the worker: once a beat, when the beat is over, and earlier when it has much.

A broker answers as soon as it has a byte, unless it is told otherwise. From a fleet of hosts a message comes every
millisecond, and an answer for each costs broker and worker more than what is in it. Nothing is stored earlier for it: a
beat is stored when it is over (`streams.rhythm`).
"""

import time
from functools import partial
from typing import Any, Final

from aiokafka.client import ConnectionGroup
from aiokafka.consumer import consumer, fetcher
from aiokafka.protocol.fetch import FetchRequest

from streams.rhythm import Rhythm

_MUCH_BYTES: Final = 2**20


class Fetcher(fetcher.Fetcher):  # type: ignore[misc]  # aiokafka is untyped
    """Asks the broker so; but at once for what is to be read again."""

    _sought = False

    def __init__(self, rhythm: Rhythm, client: Any, *arguments: Any, **settings: Any) -> None:
        self._rhythm = rhythm
        super().__init__(_Apart(client), *arguments, **settings | {"fetch_min_bytes": _MUCH_BYTES})

    def seek_to(self, tp: Any, offset: int) -> None:
        """Go on at an offset."""
        self._sought = True
        super().seek_to(tp, offset)

    def _get_actions_per_node(self, assignment: Any) -> Any:
        self._fetch_max_wait_ms = 0 if self._sought else self._rhythm.answer_within_ms(time.time())
        actions = super()._get_actions_per_node(assignment)
        requests, *_ = actions
        if requests:
            self._sought = False
        return actions


class _Apart:
    """A client that asks for messages over a connection of its own: the broker answers one question after the other."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    async def send(self, node_id: int, request: Any) -> Any:
        fetches = isinstance(request, FetchRequest)
        group = ConnectionGroup.DEFAULT if fetches else ConnectionGroup.COORDINATION
        return await self._client.send(node_id, request, group=group)


def install(rhythm: Rhythm) -> None:
    """Have aiokafka's consumers use it."""
    consumer.Fetcher = partial(Fetcher, rhythm)
