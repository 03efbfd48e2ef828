"""A producer's connection to Kafka: waited for until the broker is there, and how large a message it takes.

A client that was rejected leaves its sockets open, so nobody is asked before something listens.
"""

import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Final

import structlog
from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError
from kafka.partitioner import Partitioner

from producers.spool.terms import partition_of
from schema.errors import GigawattError
from schema.kafka_access import OPEN, KafkaAccess
from schema.kafka_client import Login
from schema.kafka_refused import missing_right
from schema.said import Reasons
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
_WRITE: Final = 4  # ACLOperation.WRITE, whose module is the administration's

_DROP_WHEN_CLOSED: Final = (socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
"""A socket that is closed, by a kill as well, drops what it holds: nothing arrives after its process has ended."""


@dataclass(frozen=True)
class Connection:
    """A producer whose broker has answered, and whom to ask, once, how large a message to its topic may be.

    `kept_out` says why the broker lets it not in now, "" where it does, or is away. `missing_right` is what to say when
    it does not allow to write.
    """

    producer: KafkaProducer
    ask_max_message_bytes: Callable[[], int] = lambda: MAX_MESSAGE_BYTES
    kept_out: Callable[[], str] = lambda: ""
    missing_right: str = ""

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


class ByKey(Partitioner):  # type: ignore[misc]  # kafka-python is untyped
    """Chooses partitions as Kafka's clients do, and remembers the hash of a key: the same hosts come every second."""

    def partition(
        self, topic: str, _key: object, serialized_key: bytes, _value: object, _serialized: bytes, cluster: Any
    ) -> int:
        """Return the partition of a key. Raises `ValueError` while the topic's partitions are not known."""
        partitions = cluster.partitions_for_topic(topic)
        if not partitions:
            raise ValueError(f"the partitions of topic {topic} are not known")
        return partition_of(serialized_key, len(partitions))


def connect(
    bootstrap: str,
    topic: str,
    *,
    stop: threading.Event,
    give_up_s: float | None = None,
    elapsed: Callable[[], float] = time.monotonic,
    access: KafkaAccess = OPEN,
) -> Connection | None:
    """Return a connection once the broker answers, lets us in and has the topic; None when stopped before that.

    What is waited for is logged, and again when it is something else: a password that is wrong by now, for example.
    Raises `GigawattError` when that has not come to be within `give_up_s`, where None waits for ever, and at once for
    a file of `access` that is no good.
    """
    log = structlog.get_logger()
    began_s = elapsed()
    said = Reasons()
    while not stop.is_set():
        connection, missing = _try(bootstrap, topic, access)
        if connection is not None:
            return connection
        if give_up_s is not None and elapsed() - began_s >= give_up_s:
            raise GigawattError(f"waited {give_up_s:g} s for {missing}, without success")
        if said.is_new(missing):
            log.info("waiting", missing=missing)
        stop.wait(BACKOFF_S)
    return None


def _try(bootstrap: str, topic: str, access: KafkaAccess) -> tuple[Connection | None, str]:
    """Return a connection, or None and what is missing for one."""
    missing = f"a Kafka broker at {bootstrap}"
    login = Login(access)
    try:
        _require_listener(bootstrap)
        producer = _producer(bootstrap, login)
    except (KafkaError, OSError):
        login.close()
        return None, f"{missing} that accepts the login: {login.refusal}" if login.refusal else missing
    right = missing_right(access, "Write", f"topic {topic}")
    if not _may_write(login, topic):
        missing = f"a right at {bootstrap}: {right}"
    elif not _has_topic(producer, topic):
        missing = f"topic {topic} at {bootstrap}; create it with: gigawatt migrate"
    else:
        ask = partial(_max_message_bytes, bootstrap, topic, access)
        return Connection(producer, ask, lambda: login.refusal, right), ""
    producer.close(timeout=1)
    return None, missing


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


def _producer(bootstrap: str, login: Login) -> KafkaProducer:
    return KafkaProducer(
        bootstrap_servers=bootstrap,
        client_id="gigawatt-produce",
        enable_idempotence=True,  # said aloud, so that a conflict raises instead of switching it off
        acks="all",
        compression_type="lz4",
        linger_ms=20,  # messages of many hosts are then in fewer requests, and compress better
        batch_size=256 * 2**10,
        max_request_size=2 * MAX_MESSAGE_BYTES,  # before compression
        max_block_ms=2_000,
        bootstrap_timeout_ms=2_000,
        delivery_timeout_ms=12 * 3_600_000,  # the buffer is the bound, not the age
        reconnect_backoff_max_ms=2_000,
        partitioner=ByKey(),
        allow_auto_create_topics=False,  # a topic made by accident would lack its configuration
        metrics_enabled=False,
        kafka_client=login.client,
        socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), _DROP_WHEN_CLOSED],
    )


def _max_message_bytes(bootstrap: str, topic: str, access: KafkaAccess) -> int:
    """Return what the topic takes; what any topic takes when the broker does not answer just now."""
    from schema.kafka import KafkaAdmin  # noqa: PLC0415  a host of 8 chips never needs it

    try:
        with KafkaAdmin(bootstrap, timeout_s=_ASK_WITHIN_S, access=access) as admin:
            return min(int(admin.config(topic).get("max.message.bytes", MAX_MESSAGE_BYTES)), MAX_MESSAGE_BYTES)
    except (KafkaError, GigawattError, OSError):
        return ALWAYS_FITS_BYTES


def _has_topic(producer: KafkaProducer, topic: str) -> bool:
    try:
        return bool(producer.partitions_for(topic))
    except KafkaError:
        return False


def _may_write(login: Login, topic: str) -> bool:
    """Say whether the topic may be written to: else each sample would be lost, as the client does not try again."""
    rights = login.rights(topic)
    return rights is None or _WRITE in rights
