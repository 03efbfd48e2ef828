"""Publish batches to Kafka: each delivered once, or counted as lost and said so. The one user of the client.

Read in kafka-python 3.0.12, whose producer differs from Java's: it has no buffer.memory, so what waits for
an absent broker is bounded here; `flush(timeout)` waits that long per batch and raises, so the wait at the
end is ours; after one error that is not worth a retry (a message too large, a right withdrawn) an idempotent
producer fails everything for ever, so it is created again; and it has no zstd unless `zstandard` is installed.
With lz4 a message of 4,096 samples goes from 78 to 26 bytes a sample for 0.05 CPU-microseconds each (zstd: 14
bytes, 0.10), and one of 8 samples from 417 to 203; compressing Arrow's own buffers saves less and costs more.

When the broker is away, samples are kept in memory and delivery is tried again until it is back. When the
buffer is full, the newest are rejected and counted: what is kept then is one unbroken stretch of time, and
the source is never blocked, so that its ticks stay true.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Final, NamedTuple

import structlog
from kafka.errors import AuthorizationError, KafkaError, KafkaTimeoutError, RetriableError

from producers.batches import compact
from producers.connection import BACKOFF_S, Connection
from producers.envelopes import Envelopes
from producers.lean import encode
from producers.sink import Sent
from producers.source import Batch
from producers.stack import Stack
from schema import encoding
from schema.errors import GigawattError
from schema.said import Reasons

BUFFER_BYTES: Final = 64 * 2**20
"""Five and a half hours of a host of 8 chips at one sample a second."""

_AWAY_AFTER_S: Final = 5.0
_WELL_AFTER_S: Final = 60.0
_HEADERS: Final = [(encoding.CONTENT_TYPE_HEADER, encoding.ARROW_STREAM.encode())]


class Message(NamedTuple):
    """What is sent: so many samples under a key; `value` is None where one sample is more than a message may be."""

    key: str
    samples: int
    value: bytes | None


class KafkaPublisher:
    """Sends batches to one topic. One thread may call it; delivery goes on in the client's own.

    `reconnect` makes a new connection when the client has failed for good; it tries once and raises
    `GigawattError` when that is in vain.
    """

    def __init__(
        self,
        connection: Connection,
        topic: str,
        *,
        reconnect: Callable[[], Connection | None] = lambda: None,
        buffer_bytes: int = BUFFER_BYTES,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self.sent = Sent()
        self._connection = connection
        self._topic = topic
        self._reconnect = reconnect
        self._buffer_bytes = buffer_bytes
        self._elapsed = elapsed
        self._envelopes = Envelopes()
        self._log = structlog.get_logger()
        self._changed = threading.Condition()  # guards all below
        self._waiting_bytes = 0
        self._heard_s = elapsed()
        self._away = False
        self._kept_out = ""
        self._failed_for_good = False
        self._tried_s = 0.0
        self._losses: dict[str, int] = {}
        self._said = Reasons()
        self._lost_s = 0.0

    def publish(self, part: Batch | Stack) -> None:
        """Hand messages to the client, a batch in pieces where it is too large for one."""
        for message in messages(part, self._connection.takes, self._envelopes):
            if message.value is None:
                self._lose(message.samples, f"one sample of {message.key} exceeds the maximum message size")
            else:
                self._send(message.key.encode(), message.samples, message.value)

    def _send(self, key: bytes, samples: int, value: bytes) -> None:
        size = len(value)
        with self._changed:
            full = self._waiting_bytes > 0 and self._waiting_bytes + size > self._buffer_bytes
            if not full:
                if self._waiting_bytes == 0:
                    self._heard_s = self._elapsed()
                self._waiting_bytes += size
        if full:
            self._lose(
                samples, f"the broker does not answer and the buffer of {self._buffer_bytes / 2**20:g} MiB is full"
            )
            return
        try:
            future = self._connection.producer.send(self._topic, value, key, _HEADERS)
        except (KafkaError, ValueError) as error:
            self._failed(samples, size, error)
            return
        future.add_callback(lambda _: self._delivered(samples, size))
        future.add_errback(lambda error: self._failed(samples, size, error))

    def _delivered(self, samples: int, size: int) -> None:
        with self._changed:
            self.sent.messages += 1
            self.sent.samples += samples
            self.sent.sent_bytes += size
            self._heard_s = self._elapsed()
            self._settle(size)

    def _failed(self, samples: int, size: int, error: Exception) -> None:
        """Count a loss. What was in flight may have arrived all the same: sent again, it might count twice."""
        refused = isinstance(error, AuthorizationError) and self._connection.missing_right
        self._lose(samples, refused or why(error))
        with self._changed:
            self._failed_for_good |= not isinstance(error, RetriableError)
            self._settle(size)

    def _settle(self, size: int) -> None:
        self._waiting_bytes -= size
        if self._waiting_bytes == 0:
            self._changed.notify_all()

    def _lose(self, samples: int, reason: str) -> None:
        with self._changed:
            self.sent.lost += samples
            self._losses[reason] = self._losses.get(reason, 0) + samples

    def watch(self) -> None:
        """Say when the broker went away, came back, or samples were lost; renew a client that has failed."""
        with self._changed:
            now_s = self._elapsed()
            away = self._waiting_bytes > 0 and now_s - self._heard_s > _AWAY_AFTER_S
            losses, self._losses = self._losses, {}
            renew = self._failed_for_good and self._waiting_bytes == 0 and now_s - self._tried_s > BACKOFF_S
        why = self._connection.kept_out() if away else ""
        if away and (not self._away or why != self._kept_out):
            known = {"why": why} if why else {}
            self._log.warning("the broker does not answer; samples are kept in memory and retried", **known)
        self._kept_out = why
        if self._away and not away:
            self._log.info("the broker answers again", lost_samples=self.sent.lost)
            self._said.clear()
        self._away = away
        self._tell(losses, now_s)
        if renew:
            self._renew()

    def _tell(self, losses: Mapping[str, int], now_s: float) -> None:
        """Say each reason for a loss once, until samples have been delivered for a minute and none was lost."""
        for reason, samples in losses.items():
            self._lost_s = now_s
            if self._said.is_new(reason):
                self._log.error("samples are being lost", reason=reason, samples=samples)
        if self._said.any() and self._heard_s > self._lost_s and now_s - self._lost_s > _WELL_AFTER_S:
            self._said.clear()
            self._log.info("samples are no longer lost", lost_samples=self.sent.lost)

    def _renew(self) -> None:
        self._tried_s = self._elapsed()
        with suppress(GigawattError):
            connection = self._reconnect()
            if connection is not None:
                with suppress(KafkaTimeoutError):
                    self._connection.producer.close(timeout=1.0)
                self._connection = connection
                self._failed_for_good = False

    def waiting_bytes(self) -> int:
        """Return the uncompressed bytes that the broker has not acknowledged yet."""
        with self._changed:
            return self._waiting_bytes

    def close(self, timeout_s: float) -> None:
        """Wait for delivery, for so long at most; what is then left counts as lost."""
        deadline_s = self._elapsed() + timeout_s
        with self._changed:
            while self._waiting_bytes > 0 and (left_s := deadline_s - self._elapsed()) > 0:
                self._changed.wait(left_s)
        producer = self._connection.producer
        if self.waiting_bytes() > 0:
            # Only this fails what is left, so that it is counted; close() alone would raise and leave it be.
            producer._sender.force_close()  # noqa: SLF001
        with suppress(KafkaTimeoutError):
            producer.close(timeout=2.0)
        with self._changed:
            self._failed_for_good = False
        self.watch()


def messages(part: Batch | Stack, takes: Callable[[int], bool], envelopes: Envelopes) -> Iterator[Message]:
    """Encode a batch or a stack in messages of a size that is taken."""
    if isinstance(part, Batch):
        for piece, value in fitting(part, takes):
            yield Message(piece.key, piece.samples.num_rows, value)
        return
    for index, (key, rows, value) in enumerate(zip(part.keys, part.rows.tolist(), envelopes.encode(part), strict=True)):
        if takes(len(value)):
            yield Message(key, rows, value)
        else:
            yield from messages(part[index], takes, envelopes)


def fitting(batch: Batch, takes: Callable[[int], bool]) -> Iterator[tuple[Batch, bytes | None]]:
    """Encode a batch, halved until a message `takes` the bytes of each piece; None for one row that does not fit."""
    value = encode(batch.samples)
    rows = batch.samples.num_rows
    if takes(len(value)):
        yield batch, value
    elif rows <= 1:
        yield batch, None
    else:
        for start, length in ((0, rows // 2), (rows // 2, rows - rows // 2)):
            yield from fitting(Batch(batch.key, compact(batch.samples.slice(start, length))), takes)


def why(error: Exception) -> str:
    """Return an error as a reason of one line."""
    text = str(error).splitlines()
    return f"{type(error).__name__}: {text[0][:200]}" if text else type(error).__name__
