"""A producer's connection to Kafka: waited for until the broker is there, and how large a message it takes.

A client that was refused leaves its sockets open, so nobody is asked before something listens.
"""

import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import structlog
from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError

from schema.errors import GigawattError
from schema.settings import kafka_addresses
from schema.topics import MAX_MESSAGE_BYTES

BACKOFF_S: Final = 2.0
"""So long nothing is tried again that has just failed."""

ALWAYS_FITS_BYTES: Final = 16 * 2**10
"""What any topic takes. Only for more is the topic's limit asked: a host of 8 chips never does, and saves the memory
of a second client."""
_ASK_WITHIN_S: Final = 2.0
_SHARE: Final = 0.98  # of a message's limit; lz4 can make what does not compress half a percent larger
_OVERHEAD_BYTES: Final = 1024  # of a record and its batch, with key and header

_DROP_WHEN_CLOSED: Final = (socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
"""A socket that is closed, by a kill as well, drops what it holds: nothing arrives after its process has ended."""


@dataclass(frozen=True)
class Connection:
    """A producer whose broker has answered, and whom to ask, once, how large a message to its topic may be."""

    producer: KafkaProducer
    ask_max_message_bytes: Callable[[], int] = lambda: MAX_MESSAGE_BYTES

    def takes(self, size: int) -> bool:
        """Say whether a value of so many bytes surely fits into one message."""
        return size <= ALWAYS_FITS_BYTES or size <= self._limit_bytes

    def log(self, topic: str) -> tuple[str, int]:
        """Return the identity of the log behind a topic, empty where the broker has none, and its partitions."""
        partitions = len(self.producer.partitions_for(topic))
        return str(self.producer._metadata.topic_id(topic) or ""), partitions  # noqa: SLF001  known to nobody else

    def abandon(self) -> None:
        """Close it at once; what is under way counts as failed."""
        # Only this fails what is left, so that it is counted; close() alone would raise and leave it be.
        self.producer._sender.force_close()  # noqa: SLF001
        with suppress(KafkaTimeoutError):
            self.producer.close(timeout=2.0)

    @cached_property
    def _limit_bytes(self) -> int:
        return int(self.ask_max_message_bytes() * _SHARE) - _OVERHEAD_BYTES


def connect(
    bootstrap: str,
    topic: str,
    *,
    stop: threading.Event,
    give_up_s: float | None = None,
    elapsed: Callable[[], float] = time.monotonic,
) -> Connection | None:
    """Return a connection once the broker answers and has the topic; None when stopped before that.

    Raises `GigawattError` when that has not come to be within `give_up_s`; None waits for ever.
    """
    log = structlog.get_logger()
    began_s = elapsed()
    said = None
    while not stop.is_set():
        missing = f"a Kafka broker at {bootstrap}"
        try:
            _require_listener(bootstrap)
            producer = _producer(bootstrap)
            missing = f"topic {topic} at {bootstrap}: gigawatt migrate creates it"
            if _has_topic(producer, topic):
                return Connection(producer, lambda: _max_message_bytes(bootstrap, topic))
            producer.close(timeout=1)
        except (KafkaError, OSError):
            pass
        if give_up_s is not None and elapsed() - began_s >= give_up_s:
            raise GigawattError(f"waited {give_up_s:g} s in vain for {missing}")
        if missing != said:
            said = missing
            log.info("waiting for what is not there yet", missing=missing)
        stop.wait(BACKOFF_S)
    return None


def _require_listener(bootstrap: str) -> None:
    """Raise OSError unless a broker listens."""
    addresses = kafka_addresses(bootstrap)
    for left, address in enumerate(addresses, 1 - len(addresses)):
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=2).close()
        except OSError:
            if left == 0:
                raise
        else:
            return


def _producer(bootstrap: str) -> KafkaProducer:
    return KafkaProducer(
        bootstrap_servers=bootstrap,
        client_id="gigawatt-produce",
        enable_idempotence=True,  # said aloud, so that a conflict raises instead of switching it off
        acks="all",
        compression_type="lz4",
        linger_ms=5,
        batch_size=256 * 2**10,
        max_request_size=2 * MAX_MESSAGE_BYTES,  # before compression
        max_block_ms=2_000,
        bootstrap_timeout_ms=2_000,
        delivery_timeout_ms=12 * 3_600_000,  # the buffer is the bound, not the age
        reconnect_backoff_max_ms=2_000,
        allow_auto_create_topics=False,  # a topic made by accident would lack its configuration
        metrics_enabled=False,
        socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), _DROP_WHEN_CLOSED],
    )


def _max_message_bytes(bootstrap: str, topic: str) -> int:
    """Return what the topic takes; what any topic takes when the broker does not answer just now."""
    from schema.kafka import KafkaAdmin, KafkaAwayError  # noqa: PLC0415  a host of 8 chips never needs it

    try:
        with KafkaAdmin(bootstrap, timeout_s=_ASK_WITHIN_S) as admin:
            return min(int(admin.config(topic).get("max.message.bytes", MAX_MESSAGE_BYTES)), MAX_MESSAGE_BYTES)
    except (KafkaError, KafkaAwayError, OSError):
        return ALWAYS_FITS_BYTES


def _has_topic(producer: KafkaProducer, topic: str) -> bool:
    try:
        return bool(producer.partitions_for(topic))
    except KafkaError:
        return False
