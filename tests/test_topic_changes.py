"""The topic is changed under running workers: what is stored stays right, and what is lost is reported."""

import signal
import time

from kafka import KafkaAdminClient, KafkaProducer

from schema import encoding
from schema.kafka import KafkaAdmin
from schema.topics import SAMPLES
from tests.batches import batch
from tests.stack import Stack, wait_for


def send(stack: Stack, partition: int, count: int = 1) -> None:
    """Send so many samples of 1 J to a partition."""
    producer = KafkaProducer(bootstrap_servers=stack.kafka)
    try:
        for _ in range(count):
            value = encoding.encode(batch(ts=int(time.time() * 1000), interval_ms=1000, power_w=1.0))
            producer.send(SAMPLES, key=b"h", value=value, partition=partition).get(30)
    finally:
        producer.close()


def test_partitions_that_are_added_after_a_named_worker_was_restarted_are_read(stack: Stack):
    stack.start("one")
    send(stack, 0)
    wait_for(lambda: stack.stored()[0] == 1, 60)
    stack.kill("one", signal.SIGTERM)
    stack.start("one")
    send(stack, 0)
    wait_for(lambda: stack.stored()[0] == 2, 60)

    admin = KafkaAdminClient(bootstrap_servers=stack.kafka)
    admin.create_partitions({SAMPLES: 14})
    admin.close()
    send(stack, 13, 3)

    wait_for(lambda: stack.stored()[0] == 5, 40)
    assert stack.workers["one"].poll() is None
    with KafkaAdmin(stack.kafka) as ours:
        assert ours.unassigned("gigawatt", SAMPLES) == set()
