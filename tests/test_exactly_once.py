"""Killing, repeating, delaying and rebalancing change no joule: the real broker, engine, workers and audit.

Run it alone, and longer, with: pytest tests/test_exactly_once.py; its seed is fixed, its kills fall where they fall.
"""

import math
import random
import signal
import threading
import time

import numpy as np
from kafka import KafkaAdminClient, KafkaProducer
from kafka.errors import KafkaError
from kafka.structs import TopicPartition

from schema import encoding
from schema.kafka import KafkaAdmin
from schema.topics import SAMPLES
from streams.app import GROUP
from tests.batches import batch
from tests.stack import Stack, leave, wait_for

MESSAGES = 12_000
CHIPS = 8
KILLS = 10
SECONDS = 30
LATE_SHARE = 0.2
MOST_LATE_MS = 600_000


class Load(threading.Thread):
    """Sends batches of a host's chips for some time; a share of them late and so out of order."""

    def __init__(self, kafka: str, seed: int = 7) -> None:
        super().__init__()
        self._kafka = kafka
        self._random = random.Random(seed)
        self._powers = np.random.default_rng(seed).uniform(60, 1000, (MESSAGES, CHIPS)).astype(np.float32)
        self.energies_j: list[float] = []

    def run(self) -> None:
        producer = KafkaProducer(bootstrap_servers=self._kafka, compression_type="lz4", linger_ms=5)
        start = time.monotonic()
        for index, power_w in enumerate(self._powers):
            time.sleep(max(0.0, start + SECONDS * index / MESSAGES - time.monotonic()))
            host = f"host-{index % 200}"
            interval_ms = self._random.choice([1000, 1000, 1000, 250, 60_000])
            late_ms = self._random.randrange(MOST_LATE_MS) if self._random.random() < LATE_SHARE else 0
            sent = batch(
                ts=[int(time.time() * 1000) - late_ms] * CHIPS,
                interval_ms=interval_ms,
                power_w=power_w.tolist(),
                host=host,
                chip=[f"{host}/{chip}" for chip in range(CHIPS)],
            )
            producer.send(SAMPLES, key=host.encode(), value=encoding.encode(sent))
            self.energies_j += [float(watts) * interval_ms / 1000 for watts in power_w]
        producer.flush()
        producer.close()

    @property
    def energy_j(self) -> float:
        return math.fsum(self.energies_j)


def rewound(kafka: str) -> bool:
    """Set the group back to the start; False while it still has a member."""
    client = KafkaAdminClient(bootstrap_servers=kafka)
    try:
        with KafkaAdmin(kafka) as admin:
            partitions = admin.partitions(SAMPLES)
        client.reset_group_offsets(GROUP, {TopicPartition(SAMPLES, number): 0 for number in partitions})
    except KafkaError:
        return False
    else:
        return behind(kafka) == MESSAGES
    finally:
        client.close()


def behind(kafka: str) -> int:
    """Return how many messages the group has not acknowledged."""
    with KafkaAdmin(kafka) as admin:
        ends = admin.log_ends(SAMPLES)
    client = KafkaAdminClient(bootstrap_servers=kafka)
    try:
        committed = client.list_group_offsets([GROUP])[GROUP]
    finally:
        client.close()
    return sum(end - max(committed[TopicPartition(SAMPLES, number)].offset, 0) for number, (_, end) in ends.items())


def test_no_joule_is_lost_or_counted_twice(stack: Stack):
    randomness = random.Random()
    load = Load(stack.kafka)
    stack.start("one")
    wait_for(lambda: stack.workers["one"].poll() is None, 1)
    load.start()

    for kill in range(KILLS):
        time.sleep(randomness.uniform(0.8, SECONDS / KILLS))
        stack.kill("one")
        stack.start("one")
        if kill == 3:
            stack.start("two")  # joins, and
        if kill == 7:
            stack.kill("two", signal.SIGTERM)  # leaves
    load.join()
    wait_for(stack.everything_is_stored, 120)

    samples, joules = stack.stored()
    assert samples == MESSAGES * CHIPS
    assert math.isclose(joules, load.energy_j, rel_tol=1e-9)
    audit = stack.run("audit")
    assert audit.returncode == 0, audit.stdout + audit.stderr

    stack.kill("one", signal.SIGTERM)
    leave(stack.kafka)
    wait_for(lambda: rewound(stack.kafka), 120)
    stack.start("one")
    wait_for(lambda: behind(stack.kafka) == 0, 120)  # they were delivered again, and nothing may come of it

    again = stack.stored()
    assert again[0] == samples
    assert math.isclose(again[1], joules, rel_tol=1e-12)  # a merge may add up in another order
    audit = stack.run("audit")
    assert audit.returncode == 0, audit.stdout + audit.stderr
