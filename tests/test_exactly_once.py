"""Killing, repeating, delaying and rebalancing change no joule: the real broker, engine, workers and audit.

Run it alone, and longer, with: pytest tests/test_exactly_once.py; its seed is fixed, its kills fall where they fall.
"""

import contextlib
import math
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest
from clickhouse_connect.driver.client import Client
from kafka import KafkaAdminClient, KafkaProducer
from kafka.structs import TopicPartition

from local.broker import Broker
from schema import wire
from schema.kafka import KafkaAdmin
from schema.topics import SAMPLES
from streams.app import GROUP
from tests.batches import batch
from tests.engine import Engine

MESSAGES = 12_000
CHIPS = 8
KILLS = 10
SECONDS = 30
LATE_SHARE = 0.2
MOST_LATE_MS = 600_000


@dataclass
class Stack:
    """A broker and an engine, and the workers that a test starts on them."""

    kafka: str
    clickhouse: str
    client: Client
    workers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def env(self) -> dict[str, str]:
        return {**os.environ, "GIGAWATT_KAFKA": self.kafka, "GIGAWATT_CLICKHOUSE": self.clickhouse}

    def start(self, name: str) -> None:
        command = [sys.executable, "-m", "gigawatt", "worker", "--name", name]
        self.workers[name] = subprocess.Popen(command, env=self.env, stderr=subprocess.DEVNULL)

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        self.workers[name].send_signal(number)
        self.workers.pop(name).wait(30)

    def audit(self) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "gigawatt", "audit"]
        return subprocess.run(command, env=self.env, capture_output=True, text=True, check=False, timeout=120)

    def stored(self) -> tuple[int, float]:
        samples, joules = self.client.query("SELECT sum(samples), sum(energy_j) FROM power_by_second").first_row
        return int(samples), float(joules)

    def everything_is_stored(self) -> bool:
        with KafkaAdmin(self.kafka) as admin:
            ends = {partition: end for partition, (_, end) in admin.log_ends(SAMPLES).items() if end}
        rows = self.client.query("SELECT kafka_partition, max(offset_to) + 1 FROM ingest_blocks GROUP BY 1").result_rows
        return dict(rows) == ends


@pytest.fixture
def stack(kafka: Broker, engine: Engine) -> Iterator[Stack]:
    bootstrap = f"127.0.0.1:{kafka.port}"
    with KafkaAdmin(bootstrap) as admin:
        admin.ensure(12)
    made = Stack(bootstrap, engine.url, engine.migrated_client())
    yield made
    for worker in made.workers.values():
        worker.kill()
        worker.wait(30)


def wait_for(condition: Callable[[], bool], within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.2)


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
            producer.send(SAMPLES, key=host.encode(), value=wire.encode(sent))
            self.energies_j += [float(watts) * interval_ms / 1000 for watts in power_w]
        producer.flush()
        producer.close()

    @property
    def energy_j(self) -> float:
        return math.fsum(self.energies_j)


def rewind(kafka: str, messages: int) -> None:
    """Set the group back by so many messages; possible only while it has no members."""
    with KafkaAdmin(kafka) as admin:
        ends = admin.log_ends(SAMPLES)
    back = math.ceil(messages / len(ends))
    admin_client = KafkaAdminClient(bootstrap_servers=kafka)
    try:
        partitions = {TopicPartition(SAMPLES, number): max(end - back, 0) for number, (_, end) in ends.items()}
        admin_client.reset_group_offsets(GROUP, partitions)
    finally:
        admin_client.close()


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
    wait_for(stack.everything_is_stored, 90)

    samples, joules = stack.stored()
    assert samples == MESSAGES * CHIPS
    assert math.isclose(joules, load.energy_j, rel_tol=1e-9)
    audit = stack.audit()
    assert audit.returncode == 0, audit.stdout + audit.stderr

    stack.kill("one", signal.SIGTERM)
    wait_for(lambda: _rewound(stack.kafka, 10_000), 30)
    stack.start("one")
    time.sleep(5)  # they are delivered again, and nothing may come of it
    wait_for(stack.everything_is_stored, 30)

    assert stack.stored() == (samples, joules)
    audit = stack.audit()
    assert audit.returncode == 0, audit.stdout + audit.stderr


def _rewound(kafka: str, messages: int) -> bool:
    with contextlib.suppress(Exception):  # the group still has a member; its session has to end first
        rewind(kafka, messages)
        return True
    return False
