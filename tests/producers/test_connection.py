import os
import socket
import struct
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from producers.connection import connect
from schema.acls import roles
from schema.errors import GigawattError
from schema.kafka import KafkaAdmin
from schema.topics import MAX_MESSAGE_BYTES, SAMPLES
from tests.producers.conftest import free_port


def test_the_limit_of_a_topic_is_the_brokers(broker):
    """It is asked of the broker, and is what migrate gave the topic."""
    connection = connect(broker.bootstrap, SAMPLES, stop=threading.Event(), give_up_s=60)
    assert connection is not None
    assert connection.takes(MAX_MESSAGE_BYTES * 9 // 10)
    assert not connection.takes(MAX_MESSAGE_BYTES)  # some is the record's own
    connection.producer.close()


def test_a_broker_that_is_not_there_is_waited_for_and_given_up():
    """The line names what is missing; without a limit the wait ends when told to stop."""
    stop = threading.Event()
    with capture_logs(), pytest.raises(GigawattError, match=r"for a Kafka broker at 127\S+, without success"):
        connect(f"127.0.0.1:{free_port()}", SAMPLES, stop=stop, give_up_s=0)
    stop.set()
    assert connect("127.0.0.1:1", SAMPLES, stop=stop) is None


def test_a_broker_that_does_not_tell_the_limit_takes_what_any_topic_takes(broker):
    """It is asked but once, so that a source's ticks are not held up again and again."""
    connection = connect(broker.bootstrap, SAMPLES, stop=threading.Event(), give_up_s=60)
    assert connection is not None
    broker.pause()
    try:
        assert not connection.takes(20_000)
    finally:
        broker.resume()
    assert connection.takes(16_000)
    connection.producer.close()


def test_its_sockets_drop_what_they_hold_when_they_are_closed(broker):
    """Else the kernel goes on sending for a process that was killed, after the next one has looked what arrived."""
    connection = connect(broker.bootstrap, SAMPLES, stop=threading.Event(), give_up_s=60)
    connection.producer.send(SAMPLES, b"x", b"sockets").get(30)
    port = int(broker.bootstrap.rpartition(":")[2])
    lingers = []
    for path in Path("/proc/self/fd").iterdir():
        with suppress(OSError), socket.socket(fileno=os.dup(int(path.name))) as one:
            if one.family == socket.AF_INET and one.getpeername()[1] == port:
                lingers.append(struct.unpack("ii", one.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)))
    connection.abandon()

    assert lingers
    assert set(lingers) == {(1, 0)}


def test_a_broker_that_knows_no_rights_lacks_none(broker):
    """Topics that are there already are looked at again, as at each start."""
    with KafkaAdmin(broker.bootstrap) as admin:
        admin.ensure(2)
        assert [right for role in roles().values() for right in admin.lacking(role)] == []
