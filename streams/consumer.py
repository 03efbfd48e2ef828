"""Faust's consumer, whose events are runs of messages: what Faust does for an event costs more than a message may.

Faust keeps the group together, assigns and commits as before. It sees the last offset of a run, and takes the offsets
before it for a gap. A run is acknowledged when everything up to its end is stored, so that what is to be committed is
plain, and Faust's own account of gaps is not kept: it would commit a whole gap once anything in it is acknowledged.
"""

from typing import Final

from faust.transport.drivers import aiokafka
from faust.types import TP, ConsumerMessage

from streams.runs import Run

RUN_BYTES: Final = 2**19
"""A run is no longer than this and a message."""
RUNS_AHEAD: Final = 16
"""So many runs wait for the agent; and so many are unpacked at once."""


class Consumer(aiokafka.Consumer):  # type: ignore[misc]  # Faust is untyped
    """Makes an event of a run."""

    def _to_message(self, tp: TP, run: Run) -> ConsumerMessage:
        return ConsumerMessage(
            topic=tp.topic,
            partition=tp.partition,
            offset=run.offset,
            timestamp=run.messages[-1].appended_ms / 1000,
            timestamp_type=None,
            headers=None,
            key=None,
            value=run,
            checksum=None,
            serialized_key_size=0,
            serialized_value_size=run.nbytes,
            tp=tp,
            generation_id=self.app.consumer_generation_id,
        )

    def on_buffer_full(self, tp: TP) -> None:
        """Do nothing: what waits for the agent is bounded, and Faust would rest for a second once all have so much."""

    def on_buffer_drop(self, tp: TP) -> None:
        """Do nothing."""

    async def _seek(self, partition: TP, offset: int) -> None:
        """Go on reading at an offset; told to the client in its own thread, which else would hear of it late."""
        await self._thread.call_thread(self._thread.seek, partition, offset)

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Do nothing: a gap needs no acknowledgement."""

    def _new_offset(self, tp: TP) -> int | None:
        """Return the offset after the last one that is acknowledged, None where nothing was since it was asked last."""
        acked = self._acked[tp]
        if not acked:
            return None
        last = max(acked)
        acked.clear()
        self._acked_index[tp].clear()
        return int(last) + 1


class Transport(aiokafka.Transport):  # type: ignore[misc]  # Faust is untyped
    """Faust's transport with this consumer."""

    Consumer = Consumer
