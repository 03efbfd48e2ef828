"""The Faust app: the one module that imports Faust.

Faust reads the log, keeps the group together and commits. Nothing else is left to it: streams are `noack`, an offset is
acknowledged when its block is stored, and where a partition begins is the ledger's word (`streams.ingest`). There are
no Faust tables or windows: they expire by the wall clock and lose data on a rebalance (docs/decisions.md).
"""

import asyncio
import atexit
import io
import logging
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import faust
import structlog
from aiokafka.errors import MessageSizeTooLargeError
from clickhouse_connect.driver.client import Client
from faust.types import TP, StreamT

from schema import encoding
from schema.errors import EXIT_START_AGAIN
from schema.kafka import KafkaAdmin
from schema.kafka_access import OPEN, KafkaAccess
from schema.readback import count_marks, read_log
from schema.settings import kafka_addresses
from schema.topics import MAX_MESSAGE_BYTES, REJECTED, SAMPLES
from streams import consumer, fetched, login, members, polling
from streams.admission import Admissions
from streams.blocks import LogMessage, Span, Stretch, appended
from streams.decoded import Refusal
from streams.ingest import Ingest
from streams.letters import content_type_kept
from streams.process import Processor
from streams.rhythm import Rhythm
from streams.store import Store
from streams.watch import OtherLogError, SameLog, Watch
from streams.watched import Watched

GROUP: Final = "gigawatt"
_FOREVER_S: Final = 7 * 24 * 3600.0
_LETTER_BYTES: Final = (MAX_MESSAGE_BYTES - 64 * 1024, 16 * 1024, 0)
"""How much of a message a dead letter keeps: as much as the topic takes, tried in turn."""
_LETTER_EXPIRES_S: Final = 10.0
"""So long the client keeps a message that it cannot send."""

log = structlog.get_logger()


class FaustLog:
    """The log's reader and the dead letters, as `Ingest` asks for them."""

    def __init__(self, app: faust.App, kafka: str, log_id: str, access: KafkaAccess) -> None:
        self._app = app
        self._kafka = kafka
        self._access = access
        self._same = SameLog(kafka, log_id, access)
        self._rejected = app.topic(
            REJECTED, key_serializer="raw", value_serializer="raw", key_type=bytes, value_type=bytes
        )

    async def seek(self, partition: int, offset: int) -> None:
        """Go on reading at `offset`."""
        await self._app.consumer.seek(TP(SAMPLES, partition), offset)

    async def first_offset(self, partition: int) -> int:
        """Return the oldest offset that the log still has."""
        tp = TP(SAMPLES, partition)
        offsets = await self._app.consumer.earliest_offsets(tp)
        return int(offsets[tp])

    def empty_before(self, partition: int, offset: int) -> Stretch:
        """Return the offsets right before `offset` that hold no message; from `offset` on where none is known."""
        return fetched.EMPTY.before(SAMPLES, partition, offset)

    def is_same(self) -> bool:
        """Say whether the topic is still the one it was at the start, and not one made anew; blocks."""
        return self._same.ask()

    def marks(self, span: Span) -> int:
        """Return how many offsets of a span are marks of transactions; blocks."""
        return count_marks(
            self._kafka, SAMPLES, span.partition, span.offset_from, span.offset_to + 1, access=self._access
        )

    def read(self, spans: Sequence[Span]) -> list[LogMessage]:
        """Read spans back, of any partition; blocks."""
        wanted = {span.partition: (span.offset_from, span.offset_to + 1) for span in spans}
        records = read_log(self._kafka, SAMPLES, wanted, self._access)
        return [
            LogMessage(
                record.partition,
                record.offset,
                appended(record.appended_ms),
                record.value,
                fetched.content_type(record.headers),
            )
            for record in records
        ]

    async def dead_letter(self, refusal: Refusal) -> None:
        """Keep what was refused; return when the broker has it. What is too large for the topic is kept in part."""
        size = len(refusal.value or b"")
        for most in _LETTER_BYTES:
            try:
                await self._send(refusal, most)
            except MessageSizeTooLargeError:
                if most == 0 or size == 0:
                    raise
            else:
                return

    async def _send(self, refusal: Refusal, most: int) -> None:
        value, detail = refusal.value or b"", refusal.detail  # Faust sends no nulls
        if len(value) > most:
            # Its head shows what it is, and the whole still lies at the source offset.
            value, detail = value[:most], f"{detail}; the first {most} of {len(value)} bytes"
        headers = {
            "reason": refusal.reason.encode(),
            "detail": detail.encode(),
            "source-topic": SAMPLES.encode(),
            "source-partition": str(refusal.partition).encode(),
            "source-offset": str(refusal.offset).encode(),
        }
        if content_type := content_type_kept(refusal):
            headers[encoding.CONTENT_TYPE_HEADER] = content_type.encode()
        # Who waits may give up; Faust, which sets the result, must not find it cancelled.
        await asyncio.shield(await self._rejected.send(value=value, headers=headers))

    def make_dead_letters(self) -> None:
        """Make the topic of the dead letters anew where it is missing; blocks."""
        with KafkaAdmin(self._kafka, access=self._access) as admin:
            admin.make_anew(REJECTED)


def make_app(
    kafka: str,
    connect: Callable[[], Client],
    log_id: str,
    worker: str,
    *,
    named: bool = False,
    access: KafkaAccess = OPEN,
    watched: Watched | None = None,
) -> faust.App:
    """Return the app of one worker on the log `log_id`. It crashes when another log has taken its place.

    What it does is noted in `watched`.

    A `named` worker is a static member of its group: started again under its name within the session timeout, it has
    its partitions back at once, without a rebalance. Two workers must never share a name. Of another log it is another
    member, since the broker would give it back the partitions that it had when the topic was gone: none.
    """
    fetched.install(consumer.RUN_BYTES)
    rhythm = Rhythm()
    polling.install(rhythm)
    members.install()
    login.install(access)
    app = faust.App(
        GROUP,
        broker=[f"kafka://{address}" for address in kafka_addresses(kafka)],
        broker_credentials=login.credentials(access),
        store="memory://",
        datadir=_datadir(),
        autodiscover=False,
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        stream_wait_empty=False,
        stream_buffer_maxsize=consumer.RUNS_AHEAD,
        broker_max_poll_records=consumer.RUNS_AHEAD,
        stream_recovery_delay=0.0,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=2 * 2**20,
        producer_max_request_size=MAX_MESSAGE_BYTES + 1024 * 1024,
        producer_compression_type="lz4",
        producer_request_timeout=_LETTER_EXPIRES_S,
        consumer_group_instance_id=f"{worker}-{log_id}" if named else "",
        broker_session_timeout=10.0,
        broker_heartbeat_interval=2.0,
        broker_rebalance_timeout=10.0,
        broker_max_poll_interval=_FOREVER_S,  # waiting for ClickHouse is no reason to leave the group
        broker_commit_livelock_soft_timeout=_FOREVER_S,
        broker_client_id=worker,
        PartitionAssignor=members.Assignor,
    )
    app.transport = consumer.Transport(app.conf.broker_consumer, app)
    samples = app.topic(SAMPLES, key_serializer="raw", value_serializer="raw", key_type=bytes, value_type=bytes)
    reader = FaustLog(app, kafka, log_id, access)
    ingest: list[Ingest] = []
    watched = watched or Watched()

    async def assigned(_: faust.App, assigned: set[TP], **__: Any) -> None:
        if not ingest:
            store = Store(connect, topic=SAMPLES, log=log_id, worker=worker)
            processor = Processor(admissions=Admissions(store))
            ingest.append(Ingest(store, reader, processor=processor, rhythm=rhythm))
        numbers = sorted(tp.partition for tp in assigned if tp.topic == SAMPLES)
        await ingest[0].revoke()
        ingest[0].assign(numbers)
        watched.assigned(ingest[0])
        log.info("assigned", partitions=len(numbers))

    async def revoked(*_: Any, **__: Any) -> None:
        watched.revoked()
        for one in ingest:
            await one.revoke()

    async def store_samples(stream: StreamT[bytes]) -> None:
        async for event in stream.noack().events():
            for one in ingest:
                await one.add_run(event.value, event.ack)

    # Called, not used as decorators, which are untyped.
    app.on_partitions_assigned.connect(assigned)
    app.on_partitions_revoked.connect(revoked)
    app.agent(samples, concurrency=1)(store_samples)
    app.task(watched.begin)
    app.task(Watch(kafka, log_id, GROUP, partial(_rejoin, app), access=access, watched=watched).run)
    return app


async def _rejoin(app: faust.App) -> None:
    """Have this worker join its group again, with fresh knowledge of the topic. It harms no other member."""
    thread = app.consumer._thread  # noqa: SLF001  Faust has no other way to it
    consumer = thread._ensure_consumer()  # noqa: SLF001

    async def join_again() -> None:
        await consumer._client.force_metadata_update()  # noqa: SLF001  aiokafka has none either
        consumer._coordinator.request_rejoin()  # noqa: SLF001

    await thread.call_thread(join_again)


def _datadir() -> str:
    """Make the directory that Faust insists on, though nothing of ours goes there; it goes with the process."""
    folder = tempfile.mkdtemp(prefix="gigawatt-worker-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def worker_name() -> str:
    """Return a name for this worker that tells host and process."""
    return f"{socket.gethostname()}-{os.getpid()}"


def run(app: faust.App, *, logging_config: dict[str, Any]) -> None:
    """Run the app until it is told to stop; ends the process, with its own status where the topic was made anew.

    Faust sets up logging anew: by `logging_config`, as `logging.config` takes it.
    """
    spinner = io.StringIO()  # Faust draws one, terminal or not
    level = logging.getLevelName(logging_config["root"]["level"])
    worker = faust.Worker(
        app, loglevel=level, quiet=True, redirect_stdouts=False, stdout=spinner, logging_config=logging_config
    )
    try:
        worker.execute_from_commandline()
    finally:
        if isinstance(app.crash_reason, OtherLogError):
            # After what Faust says of it: the last line is shown by `gigawatt up`.
            log.warning("the topic was deleted and created again; restart the worker on the new topic", topic=SAMPLES)
            sys.exit(EXIT_START_AGAIN)
