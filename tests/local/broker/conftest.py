"""One Apache Kafka for all the tests of a session; the first run ever downloads it into the user's cache."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from local.broker import Broker, Kind, prepare
from local.broker.kafka import free_port
from producers.child import dying_with_us

READY_WITHIN_S = 120


@contextmanager
def running(broker: Broker) -> Iterator[subprocess.Popen[bytes]]:
    """Run `broker` and give its process once it is ready."""
    with subprocess.Popen(dying_with_us(broker.argv), env=dict(broker.env)) as process:
        try:
            until = time.monotonic() + READY_WITHIN_S
            while not broker.is_ready():
                assert process.poll() is None, "the broker ended before it was ready"
                assert time.monotonic() < until, "the broker does not get ready"
                time.sleep(0.02)
            yield process
        finally:
            process.kill()


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """Apache Kafka, ready, with an empty log."""
    broker = prepare(tmp_path_factory.mktemp("kafka"), free_port("127.0.0.1"), kind=Kind.KAFKA)
    with running(broker):
        yield broker
