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
from tests.stack import Stack, leave, wait_for
from tests.test_exactly_once import behind

MESSAGES = 8_000
SECONDS = 40
MORE = 400
"""So many are sent when all is over, to every partition: a worker knows by them what it was not given."""
CHIPS = 8
KILLS = 6
BACK_AFTER = 1
AHEAD_AFTER = 4
"""After these kills the group's offsets are moved: back from what is stored, and to the ends, far beyond it."""

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

    def __init__(self, kafka: str, messages: int, seconds: float, seed: int = 13) -> None:
        super().__init__(daemon=True)
        self._kafka = kafka
        self._messages = messages
        self._seconds = seconds
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
        for index in range(self._messages):
            time.sleep(max(0.0, start + self._seconds * index / self._messages - time.monotonic()))
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


def moved(kafka: str, places: dict[int, int]) -> bool:
    """Move the offsets of the group, which everyone leaves; False while it still has a member."""
    leave(kafka)
    client = KafkaAdminClient(bootstrap_servers=kafka)
    try:
        client.reset_group_offsets(GROUP, {TopicPartition(SAMPLES, number): place for number, place in places.items()})
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


def stored(stack: Stack) -> dict[int, int]:
    """Return the next offset after what the ledger has, by partition."""
    rows = stack.rows("SELECT kafka_partition, toInt64(max(offset_to)) + 1 FROM ingest_blocks GROUP BY 1")
    return {int(str(number)): int(str(offset)) for number, offset in rows}


def beyond_what_is_stored(stack: Stack) -> dict[int, int]:
    """Return by partition how far the group's offset is beyond what the ledger has, where it is."""
    places, known = committed(stack.kafka), stored(stack)
    return {number: place - known.get(number, 0) for number, place in places.items() if place > known.get(number, 0)}


def ends(stack: Stack) -> dict[int, int]:
    with KafkaAdmin(stack.kafka) as admin:
        return {number: end for number, (_, end) in admin.log_ends(SAMPLES).items()}


def test_each_message_of_a_host_is_stored_once_whatever_its_envelope(stack: Stack):
    load, more = Hosts(stack.kafka, MESSAGES, SECONDS), Hosts(stack.kafka, MORE, 2, seed=14)
    stack.start("one")
    load.start()
    try:
        kill_and_move(stack)
    finally:
        load.join()
    more.run()
    wait_for(stack.everything_is_stored, 120)
    assert_stored(stack, load, more)

    stack.kill("one")
    wait_for(lambda: moved(stack.kafka, dict.fromkeys(range(12), 0)), 60)
    stack.start("one")
    wait_for(lambda: behind(stack.kafka) == 0, 120)  # they were delivered again, and nothing may come of it
    assert_stored(stack, load, more)


def kill_and_move(stack: Stack) -> None:
    randomness = random.Random()
    wait_for(lambda: bool(stored(stack)), 120)
    for kill in range(KILLS):
        time.sleep(randomness.uniform(0.8, 5.0))
        stack.kill("one")
        if kill <= AHEAD_AFTER:
            assert beyond_what_is_stored(stack) == {}
        if kill == BACK_AFTER:
            places = {number: randomness.randrange(place) for number, place in stored(stack).items()}
            wait_for(lambda places=places: moved(stack.kafka, places), 60)
        if kill == AHEAD_AFTER:
            wait_for(lambda: moved(stack.kafka, ends(stack)), 60)
        stack.start("one")


def assert_stored(stack: Stack, *loads: Hosts) -> None:
    energies_j = [one for load in loads for one in load.energies_j]
    samples, joules = stack.stored()
    assert samples == len(energies_j)
    assert math.isclose(joules, math.fsum(energies_j), rel_tol=1e-9)
    assert stack.rows("SELECT sum(samples), sum(rejected), sum(messages) FROM ingest_blocks") == [
        (samples, sum(load.rejected for load in loads), MESSAGES + MORE)
    ]
    audit = stack.run("audit")
    assert audit.returncode == 0, audit.stdout + audit.stderr
