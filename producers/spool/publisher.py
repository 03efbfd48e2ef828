"""Publish batches through a spool: what the broker has not acknowledged is on disk, and sent once when it is back.

Order: a message goes behind all that wait, so of one partition all arrive in the order in which they were read. What
waits is sent far faster than sources read, so that live samples are never starved by it.

A client that failed, or a process that was killed, leaves messages of which nobody knows whether they arrived. Before
they are sent again they are looked for in the topic (`look`), `SETTLE_S` after the broker answered. Nothing of the old
client is under way then: its sockets drop what they hold when they are closed (`producers.connection`), and what the
broker had received it has worked off. What cannot be known is dropped and counted: sent again, its joules might count
twice.
"""

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Protocol

import structlog
from kafka.errors import InvalidRecordError, KafkaError, MessageSizeTooLargeError, RecordListTooLargeError
from kafka.producer.future import RecordMetadata

from producers.connection import ALWAYS_FITS_BYTES, BACKOFF_S, Connection, connect
from producers.envelopes import Envelopes
from producers.publisher import messages, why
from producers.source import Batch
from producers.spool.backlog import Entry
from producers.spool.bounds import Bounds
from producers.spool.mark import Mark
from producers.spool.record import Record
from producers.spool.spool import Spool
from producers.spool.terms import (
    DAMAGED,
    HEADER,
    LARGE,
    REJECTED,
    Doubt,
    NoRightError,
    Seen,
    header_value,
    partition_of,
)
from producers.stack import Stack
from schema import encoding
from schema.errors import GigawattError
from schema.kafka_access import OPEN, KafkaAccess
from schema.said import Reasons

SETTLE_S: Final = 5.0
_AWAY_AFTER_S: Final = 5.0
_WAIT_S: Final = 1.0
_GLANCE_S: Final = 0.05
_JOIN_S: Final = 20.0
_OF_THE_MESSAGE: Final = (InvalidRecordError, MessageSizeTooLargeError, RecordListTooLargeError)
_CONTENT_TYPE: Final = (encoding.CONTENT_TYPE_HEADER, encoding.ARROW_STREAM.encode())


class Look(Protocol):
    """Finds out which of the messages in doubt are in the topic; raises as `producers.spool.look.look`."""

    def __call__(self, doubts: Sequence[Doubt], mark: Mark) -> Seen:
        """Return what was found."""


class SpoolPublisher:
    """Sends batches to one topic through a spool; works, and waits for the broker, in a thread of its own.

    `connect` waits for a connection and returns None when the event is set before; it may raise `GigawattError`.
    """

    def __init__(
        self,
        spool: Spool,
        topic: str,
        *,
        connect: Callable[[threading.Event], Connection | None],
        look: Look,
        settle_s: float = SETTLE_S,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self.sent = spool.sent
        self._spool, self._topic, self._connect, self._look = spool, topic, connect, look
        self._settle_s, self._elapsed = settle_s, elapsed
        self._envelopes = Envelopes()
        self._log = structlog.get_logger()
        self._stop = threading.Event()
        self._connection: Connection | None = None
        self._failed: dict[int, Exception] = {}
        self._careful_to = -1
        self._heard_s = elapsed()
        self._connected = self._away = False
        self._trouble: str | None = None
        self._reasons, self._dropped = Reasons(), Reasons()
        if self.sent.spooled or self.sent.damaged:
            self._log.info("the spool holds samples", samples=self.sent.spooled, damaged_messages=self.sent.damaged)
        self._thread = threading.Thread(target=self._run, name="gigawatt-send", daemon=True)
        self._thread.start()

    def publish(self, part: Batch | Stack) -> None:
        """Put messages into the spool, a batch in pieces where it is too large for one."""
        connection = self._connection
        takes = connection.takes if connection is not None else lambda size: size <= ALWAYS_FITS_BYTES
        for message in messages(part, takes, self._envelopes):
            if message.value is None:
                self._spool.lose(LARGE, message.samples)
            else:
                if self._spool.waiting_bytes() == 0:
                    self._heard_s = self._elapsed()
                self._spool.append(message.key.encode(), message.samples, message.value)

    def waiting_bytes(self) -> int:
        """Return the bytes that the broker has not acknowledged yet, as they lie on disk."""
        return self._spool.waiting_bytes()

    def watch(self) -> None:
        """Say when the broker went away, came back, the disk took nothing, or samples were dropped."""
        if self._connected:
            away = self._spool.waiting_bytes() > 0 and self._elapsed() - self._heard_s > _AWAY_AFTER_S
            if away and not self._away:
                self._log.warning("the broker does not answer; samples are kept in the spool and sent later")
            if self._away and not away:
                self._log.info("the broker answers again", waiting_samples=self.sent.spooled)
                self._dropped.clear()
            self._away = away
        trouble = self._spool.files.trouble
        if trouble is not None and self._trouble is None:
            self._log.error("cannot write to the spool; samples are kept in memory", reason=trouble)
        if trouble is None and self._trouble is not None:
            self._log.info("can write to the spool again")
        self._trouble = trouble
        with self._spool.changed:
            losses, self._spool.losses = self._spool.losses, type(self._spool.losses)()
        for reason, samples in losses.items():
            if self._dropped.is_new(reason):
                self._log.error("samples are dropped", reason=reason, samples=samples)

    def close(self, timeout_s: float) -> None:
        """Wait for delivery, for so long at most; what is then left waits on disk for the next start."""
        until_s = self._elapsed() + timeout_s
        with self._spool.changed:
            while self._connected and self._spool.waiting_bytes() and (left_s := until_s - self._elapsed()) > 0:
                self._spool.changed.wait(min(left_s, _GLANCE_S))
            self._stop.set()
            self._spool.changed.notify_all()
        self._thread.join(_JOIN_S)
        self._spool.close()
        self.watch()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                connection = self._connect(self._stop)
                if connection is None:
                    return
                self._use(connection)
            except GigawattError as error:
                self._tell(str(error))
            except Exception as error:  # noqa: BLE001  whatever it is, samples go on into the spool
                self._tell(why(error))
            self._stop.wait(BACKOFF_S)

    def _tell(self, reason: str) -> None:
        if self._reasons.is_new(reason):
            self._log.warning("sending failed; retrying", reason=reason)

    def _use(self, connection: Connection) -> None:
        """Send through one client until it fails or this ends."""
        self._connection, self._failed = connection, {}
        try:
            self._spool.rewind()
            log = connection.log(self._topic)
            if self._resolve(log[0]):
                self._spool.begin(*log)
                self._heard_s, self._connected = self._elapsed(), True
                while not self._stop.is_set() and not self._failed:
                    self._send_next(connection)
            failed = dict(self._failed)
        finally:
            self._connected = False
            connection.abandon()
        self._judge(failed)

    def _judge(self, failed: dict[int, Exception]) -> None:
        """Drop the message that the topic does not take, once it was sent alone: a client that fails, fails all."""
        rejected = [number for number, error in failed.items() if isinstance(error, _OF_THE_MESSAGE)]
        if rejected and self._spool.mark.low <= self._careful_to:
            self._spool.drop(rejected[0], REJECTED)
        elif rejected:
            self._careful_to = self._spool.mark.handed
        for error in failed.values():
            self._tell(why(error))

    def _resolve(self, log_id: str) -> bool:
        """Find out what became of messages in doubt; False when told to stop meanwhile."""
        doubts = self._spool.in_doubt()
        if not doubts:
            return True
        if self._spool.mark.log_id and log_id != self._spool.mark.log_id:
            self._tell("the topic was created again; samples that may have been in the old topic are not sent again")
            self._spool.judge({one.number: None for one in doubts})
            return True
        if self._stop.wait(self._settle_s):
            return False
        try:
            seen = self._look(doubts, self._spool.mark)
        except NoRightError as error:
            self._tell(str(error))
            seen = Seen({}, frozenset(one.number for one in doubts))
        self._spool.judge({**seen.arrived, **dict.fromkeys(seen.unknown)})
        found = {"messages": len(doubts), "arrived": len(seen.arrived), "unknown": len(seen.unknown)}
        self._log.info("checked which of the last messages had arrived", **found)
        return True

    def _send_next(self, connection: Connection) -> None:
        mark = self._spool.mark
        for entry in self._spool.take(_WAIT_S, alone=mark.low <= self._careful_to):
            if not self._failed:  # else what comes after would overtake it; the next client is given all of them
                self._send(connection, entry, mark.partitions[-1])
        if self._spool.idle():
            self._spool.begin(*connection.log(self._topic))

    def _send(self, connection: Connection, entry: Entry, partitions: int) -> None:
        record = entry.record
        try:
            value = record.value()
        except ValueError:
            self._spool.drop(record.number, DAMAGED)
            return
        headers = [_CONTENT_TYPE, (HEADER, header_value(entry.identity(self._spool.mark), record.number))]
        try:
            future = connection.producer.send(
                self._topic, value, record.key, headers, partition_of(record.key, partitions), record.time_ms
            )
        except (KafkaError, ValueError) as error:
            self._fail(record.number, error)
            return
        future.add_callback(lambda place: self._arrived(record, place))
        future.add_errback(lambda error: self._fail(record.number, error))

    def _arrived(self, record: Record, place: RecordMetadata) -> None:
        # A topic that keeps the time we sent says nothing of the broker's clock.
        ahead_ms = place.timestamp - int(time.time() * 1000) if place.timestamp != record.time_ms else None
        self._heard_s = self._elapsed()
        self._reasons.clear()
        self._spool.settle(record.number, place.partition, place.offset, ahead_ms)

    def _fail(self, number: int, error: Exception) -> None:
        self._failed[number] = error
        with self._spool.changed:
            self._spool.changed.notify_all()


def open_publisher(
    directory: Path, bounds: Bounds, bootstrap: str, topic: str, access: KafkaAccess = OPEN
) -> SpoolPublisher:
    """Open the spool in a directory and send what waits there. Raises `GigawattError` when it cannot be used."""

    def seen(doubts: Sequence[Doubt], mark: Mark) -> Seen:
        from producers.spool.look import look  # noqa: PLC0415  after a failure only: its libraries take memory

        return look(bootstrap, topic, doubts, mark, access)

    spool = Spool(directory, bounds)
    return SpoolPublisher(
        spool, topic, connect=lambda stop: connect(bootstrap, topic, stop=stop, access=access), look=seen
    )
