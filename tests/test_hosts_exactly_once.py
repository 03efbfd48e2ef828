"""Hosts' messages of eight samples, of every envelope and some damaged, through kills and moves of the group's offsets.

Run it alone with: pytest tests/test_hosts_exactly_once.py; its seed is fixed, its kills fall where they fall.
"""

import math
import random
import threading
import time
from collections.abc import Callable

import pyarrow as pa
from kafka import KafkaAdminClient, KafkaProducer
from kafka.errors import KafkaError
from kafka.structs import TopicPartition

from schema import encoding
from schema.kafka import KafkaAdmin
from schema.topics import SAMPLES
from streams.app import GROUP
from tests.batches import batch
from tests.stack import Stack, wait_for
from tests.test_exactly_once import behind

MESSAGES = 8_000
CHIPS = 8
SECONDS = 40
KILLS = 6
MOVES: dict[int, tuple[float, float]] = {1: (0.0, 0.9), 4: (1.0, 1.0)}
"""After which kill the group's offsets are moved, and to where between a partition's first offset and its end."""

_ARROW = (encoding.CONTENT_TYPE_HEADER, encoding.ARROW_STREAM.encode())
_JSON = (encoding.CONTENT_TYPE_HEADER, encoding.NDJSON.encode())


def _plain_strings(rows: pa.RecordBatch) -> pa.RecordBatch:
    columns = [c.dictionary_decode() if pa.types.is_dictionary(c.type) else c for c in rows.columns]
    return pa.RecordBatch.from_arrays(columns, names=rows.schema.names)


def _with_another_column(rows: pa.RecordBatch) -> pa.RecordBatch:
    return rows.append_column("note", pa.array([None, "x"] * (CHIPS // 2)))


ENVELOPES: list[Callable[[pa.RecordBatch], bytes]] = [
    encoding.encode,
    encoding.encode,
    encoding.encode,
    lambda rows: encoding.encode(rows, compression="zstd"),
    lambda rows: encoding.encode(rows, compression="lz4"),
    lambda rows: encoding.encode(_plain_strings(rows)),
    lambda rows: encoding.encode(_with_another_column(rows)),
    encoding.encode_ndjson,
]
DAMAGED: list[Callable[[bytes], bytes | None]] = [
    lambda _: None,
    lambda _: b"",
    lambda _: b"\x00garbage",
    lambda value: value[: len(value) // 2],
    lambda value: value[:8] + bytes(64) + value[72:],
]


class Hosts(threading.Thread):
    """Sends a message a host in turn, in batches of one and of many, packed and not."""

    def __init__(self, kafka: str, seed: int = 13) -> None:
        super().__init__()
        self._kafka = kafka
        self._random = random.Random(seed)
        self.energies_j: list[float] = []
        self.rejected = 0

    def run(self) -> None:
        producers = [
            KafkaProducer(bootstrap_servers=self._kafka, compression_type="lz4", linger_ms=20),
            KafkaProducer(bootstrap_servers=self._kafka, compression_type="gzip", linger_ms=200),
            KafkaProducer(bootstrap_servers=self._kafka, batch_size=1),
        ]
        start = time.monotonic()
        for index in range(MESSAGES):
            time.sleep(max(0.0, start + SECONDS * index / MESSAGES - time.monotonic()))
            host = index % 100
            value, headers = self._message(index, f"host-{host}")
            producers[host % 3].send(SAMPLES, key=f"host-{host}".encode(), value=value, headers=headers)
        for producer in producers:
            producer.flush()
            producer.close()

    def _message(self, index: int, host: str) -> tuple[bytes | None, list[tuple[str, bytes]]]:
        """Make a message, and note what it has to come to."""
        power_w = [float(self._random.randrange(60, 1_000)) for _ in range(CHIPS)]
        if self._random.random() < 0.1:
            power_w[self._random.randrange(CHIPS)] = -1.0
        rows = batch(
            ts=int(time.time() * 1000),
            power_w=power_w,
            host=host,
            chip=[f"{host}/{chip}" for chip in range(CHIPS)],
            utilization=[None, *[self._random.random()] * (CHIPS - 1)],
        )
        number = self._random.randrange(len(ENVELOPES))
        value = ENVELOPES[number](rows)
        headers = [[], [_JSON if ENVELOPES[number] is encoding.encode_ndjson else _ARROW]][index % 2]
        if index % 3 == 0:
            headers = [("gigawatt-spool", f"3f2a9c0d11e7b645:{index}".encode()), *headers]
        if self._random.random() < 0.05:
            self.rejected += 1
            return self._random.choice(DAMAGED)(encoding.encode(rows)), headers
        self.energies_j += [watts for watts in power_w if watts >= 0]
        self.rejected += sum(watts < 0 for watts in power_w)
        return value, headers


def ends_of(kafka: str) -> dict[int, int]:
    with KafkaAdmin(kafka) as admin:
        return {number: end for number, (_, end) in admin.log_ends(SAMPLES).items()}


def moved(kafka: str, where: tuple[float, float]) -> bool:
    """Move the group's offsets; False while it still has a member, whose session has to end first."""
    client = KafkaAdminClient(bootstrap_servers=kafka)
    try:
        places = {TopicPartition(SAMPLES, n): int(end * random.uniform(*where)) for n, end in ends_of(kafka).items()}
        client.reset_group_offsets(GROUP, places)
    except KafkaError:
        return False
    else:
        return True
    finally:
        client.close()


def committed(kafka: str) -> dict[int, int]:
    client = KafkaAdminClient(bootstrap_servers=kafka)
    try:
        found = client.list_group_offsets([GROUP])[GROUP]
    finally:
        client.close()
    return {place.partition: max(one.offset, 0) for place, one in found.items()}


def beyond_what_is_stored(stack: Stack) -> dict[int, int]:
    """Return by partition how far the group's offset is beyond what the ledger has, where it is."""
    places = committed(stack.kafka)
    rows = stack.rows("SELECT kafka_partition, toInt64(max(offset_to)) + 1 FROM ingest_blocks GROUP BY 1")
    stored = {int(str(number)): int(str(offset)) for number, offset in rows}
    return {number: place - stored.get(number, 0) for number, place in places.items() if place > stored.get(number, 0)}


def test_each_message_of_a_host_is_stored_once_whatever_its_envelope(stack: Stack):
    randomness = random.Random()
    load = Hosts(stack.kafka)
    stack.start("one")
    load.start()

    for kill in range(KILLS):
        time.sleep(randomness.uniform(0.8, 5.0))
        stack.kill("one")
        if kill < max(MOVES):  # then they are, by this test
            assert beyond_what_is_stored(stack) == {}
        if kill in MOVES:
            wait_for(lambda where=MOVES[kill]: moved(stack.kafka, where), 60)
        stack.start("one")
    load.join()
    wait_for(stack.everything_is_stored, 120)
    assert_stored(stack, load)

    stack.kill("one")
    wait_for(lambda: moved(stack.kafka, (0.0, 0.0)), 60)
    stack.start("one")
    wait_for(lambda: behind(stack.kafka) == 0, 120)  # they were delivered again, and nothing may come of it
    assert_stored(stack, load)


def assert_stored(stack: Stack, load: Hosts) -> None:
    samples, joules = stack.stored()
    assert samples == len(load.energies_j)
    assert math.isclose(joules, math.fsum(load.energies_j), rel_tol=1e-9)
    assert stack.rows("SELECT sum(samples), sum(rejected), sum(messages) FROM ingest_blocks") == [
        (samples, load.rejected, MESSAGES)
    ]
    audit = stack.run("audit")
    assert audit.returncode == 0, audit.stdout + audit.stderr
