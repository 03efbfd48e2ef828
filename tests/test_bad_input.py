"""Whatever comes in the samples topic: a counted reason, a dead letter, and the next message goes on."""

import asyncio
import random
import time
from collections.abc import Iterable
from contextlib import suppress

import psutil
import pyarrow as pa
import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import MessageSizeTooLargeError

from schema import wire
from schema.encoding import encode
from schema.errors import EXIT_START_AGAIN
from schema.kafka import KafkaAdmin
from schema.readback import LogRecord, read_log
from schema.topics import REJECTED, SAMPLES
from streams.admission import NEW_OF_AN_HOUR
from streams.app import GROUP
from tests import engine as engines
from tests.batches import batch
from tests.stack import Stack, wait_for


def now_ms() -> int:
    return int(time.time() * 1000)


def send(
    stack: Stack, *values: bytes | None, compression: str | None = None, headers: list[tuple[str, bytes]] | None = None
):
    producer = KafkaProducer(
        bootstrap_servers=stack.kafka, compression_type=compression, max_request_size=100_000_000, retries=0
    )
    try:
        for value in values:
            producer.send(SAMPLES, key=b"h", value=value, headers=headers).get(30)
    finally:
        producer.close()


def dead_letters(stack: Stack) -> list[LogRecord]:
    with KafkaAdmin(stack.kafka) as admin:
        ends = admin.log_ends(REJECTED)
    return list(read_log(stack.kafka, REJECTED, ends))


def test_the_worker_outlives_every_message(stack: Stack):
    stack.start("one")
    future = batch(ts=now_ms(), power_w=7.0).append_column("from_the_future", pa.array([[{"a": 1}]]))
    deep = b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    refused = batch(ts=now_ms(), power_w=[1.0, -1.0, float("nan"), 2.0], host=["a", "b", None, "c\x1b[2J"])
    send(
        stack,
        b"garbage",
        None,
        b"",
        b"null",
        deep,
        encode(future),
        encode(refused),
        encode(batch(ts=1)),
    )
    send(stack, bytes(50 * 2**20), compression="lz4")  # fifty megabytes of nothing, small on the wire
    send(stack, b"x", headers=[("content-type", b"application/avro")])
    send(stack, b'{"ts": %d, "interval_ms": 1000, "power_w": "much"}\n' % now_ms())
    last = batch(ts=now_ms(), power_w=100.0)
    send(stack, encode(last))

    wait_for(lambda: stack.stored()[0] == 3, 120)

    assert stack.workers["one"].poll() is None
    assert stack.stored() == (3, 108.0)
    counted = dict(stack.rows("SELECT reason, sum(rows) FROM rejected_rows GROUP BY reason"))
    assert counted == {"undecodable": 6, "bad_power": 1, "missing_label": 3, "too_late": 1, "bad_label": 1}

    def of() -> set[tuple[bytes, ...]]:
        """Return what letters are of: on a busy machine one may be written later, and twice."""
        names = ("source-partition", "source-offset", "reason")
        return {tuple(letter.headers[name] for name in names) for letter in dead_letters(stack)}

    wait_for(lambda: len(of()) == 6 + 1 + 3 + 1 + 1, 120)
    letters = dead_letters(stack)
    for letter in letters:
        assert letter.headers.keys() >= {"reason", "detail", "source-topic", "source-partition", "source-offset"}
    garbage = next(letter for letter in letters if letter.value == b"garbage")
    assert garbage.headers["reason"] == b"undecodable"
    rows = wire.decode(next(letter.value for letter in letters if letter.headers["reason"] == b"bad_power"))
    assert rows["power_w"].to_pylist() == [-1.0]
    audit = stack.run("audit")
    assert audit.returncode == 0, audit.stdout


def test_a_small_message_that_unfolds_very_far_costs_neither_memory_nor_the_next_message(stack: Stack):
    stack.start("one")
    zeros = pa.RecordBatch.from_arrays([pa.repeat(pa.scalar(0), 1_000_000)] * 200, names=[f"x{n}" for n in range(200)])
    hours = batch(ts=now_ms(), power_w=1.0, interval_ms=3_600_000, fleet=[f"f{number}" for number in range(150)])
    send(stack, encode(zeros, compression="zstd"), encode(hours), encode(batch(ts=now_ms())))

    wait_for(lambda: stack.stored()[0] == 19 and stack.everything_is_stored(), 120)

    assert stack.workers["one"].poll() is None
    assert psutil.Process(stack.workers["one"].pid).memory_info().rss < 1e9
    assert dict(stack.rows("SELECT reason, sum(rows) FROM rejected_rows GROUP BY reason")) == {
        "undecodable": 1,
        "bad_value": 132,  # an hour of 18 fleets is as much as a message may unfold into
    }
    assert stack.stored() == (19, pytest.approx(18 * 3_600 * 1.0 + 500, rel=1e-9))
    audit = stack.run("audit")
    assert audit.returncode == 0, audit.stdout


def test_a_message_of_a_hundred_thousand_fleets_makes_none_of_them(stack: Stack):
    """They are rejected with their reason and kept; the fleets beside it are stored, and the audit agrees."""
    stack.start("one")
    flood = batch(ts=now_ms(), power_w=1.0, fleet=[f"flood {number}" for number in range(100_000)])
    send(stack, encode(batch(ts=now_ms())), encode(flood, compression="zstd"), encode(batch(ts=now_ms(), fleet="b")))

    wait_for(lambda: stack.everything_is_stored() and stack.stored()[0] == 2, 120)

    assert stack.rows("SELECT reason, sum(rows) FROM rejected_rows GROUP BY reason") == [("too_many_labels", 100_000)]
    assert stack.rows("SELECT DISTINCT fleet FROM power_sums ORDER BY fleet") == [("b",), ("train",)]
    wait_for(lambda: len(dead_letters(stack)) == 1, 120)
    assert "100,000 too_many_labels" in stack.run("status").stdout
    audit = stack.run("audit")
    assert audit.returncode == 0, audit.stdout


def test_a_flood_is_judged_once_whoever_is_killed_meanwhile(stack: Stack):
    """Four times as many new fleets as an hour has room for, with two workers and four kills: the audit agrees."""
    stack.start("one")
    stack.start("two")
    brought = 0
    for number in range(4 * NEW_OF_AN_HOUR // 200):
        fleets = [f"flood {number} {fleet}" for fleet in range(200)]
        send(stack, encode(batch(ts=now_ms(), power_w=1.0, fleet=fleets)), encode(batch(ts=now_ms(), power_w=1.0)))
        brought += len(fleets) + 1
        if number % 5 == 4:
            time.sleep(1.5)
            stack.kill("one")
            stack.start("one")
    wait_for(stack.everything_is_stored, 120)

    audit = stack.run("audit")
    assert audit.returncode == 0, audit.stdout + audit.stderr
    (stored, refused), *_ = stack.rows("SELECT sum(samples), sum(rejected) FROM ingest_blocks")
    assert stored + refused == brought
    assert stack.stored() == (stored, pytest.approx(stored, rel=1e-9))
    ((fleets,),) = stack.rows("SELECT uniqExact(fleet) FROM power_sums")
    assert NEW_OF_AN_HOUR <= fleets <= 2 * NEW_OF_AN_HOUR + 1  # two that rule at once may both use up what is left


def letters_line(stack: Stack) -> str:
    return next(line for line in stack.run("status").stdout.splitlines() if " letters " in line)


def test_a_dead_letter_topic_that_was_deleted_is_made_anew_and_storing_goes_on(stack: Stack):
    stack.start("one")
    send(stack, b"garbage", encode(batch(ts=now_ms(), power_w=1.0)))
    wait_for(lambda: len(dead_letters(stack)) == 1, 120)
    admin = KafkaAdminClient(bootstrap_servers=stack.kafka)
    admin.delete_topics([REJECTED])
    admin.close()
    send(stack, b"more garbage", encode(batch(ts=now_ms(), power_w=2.0)))

    wait_for(lambda: stack.stored() == (2, 3.0), 120)
    wait_for(lambda: REJECTED in topics(stack) and b"more garbage" in {one.value for one in dead_letters(stack)}, 120)

    with KafkaAdmin(stack.kafka) as kafka:
        assert kafka.config(REJECTED)["retention.ms"] == str(7 * 24 * 3_600_000)
    wait_for(lambda: letters_line(stack).startswith("up"), 120)
    assert stack.rows("SELECT sum(rows) FROM rejected_rows") == [(2,)]
    audit = stack.run("audit")
    assert audit.returncode == 0, audit.stdout


def test_a_dead_letter_topic_that_takes_nothing_stops_no_storing_and_is_told(stack: Stack):
    """Too small even for the headers; once it is mended what was owed is written."""
    configure(stack, "max.message.bytes", "60")
    stack.start("one")
    send(stack, b"garbage", encode(batch(ts=now_ms(), power_w=1.0)))

    wait_for(lambda: stack.stored() == (1, 1.0), 120)
    status = stack.run("status")
    assert status.returncode == 1
    assert "1 dead letters (1 rows) of the last hour are not written to chip.samples.rejected" in letters_line(stack)

    assert stack.run("migrate").returncode == 0
    wait_for(lambda: [one.value for one in dead_letters(stack)] == [b"garbage"], 120)
    wait_for(lambda: letters_line(stack).startswith("up"), 120)


def test_a_dead_letter_that_is_too_large_for_its_topic_is_kept_in_part(stack: Stack):
    configure(stack, "max.message.bytes", "20000")
    stack.start("one")
    send(stack, random.Random(1).randbytes(100_000))

    wait_for(lambda: len(dead_letters(stack)) == 1, 120)
    (letter,) = dead_letters(stack)
    assert letter.value is not None
    assert len(letter.value) == 16 * 1024
    assert letter.headers["detail"].endswith(b"; the first 16384 of 100000 bytes")


def topics(stack: Stack) -> set[str]:
    admin = KafkaAdminClient(bootstrap_servers=stack.kafka)
    try:
        return set(admin.list_topics())
    finally:
        admin.close()


def configure(stack: Stack, name: str, value: str, topic: str = REJECTED) -> None:
    """Set a property of a topic, that of the dead letters unless another is named."""
    with KafkaAdmin(stack.kafka) as ours:  # the broker knows of a new topic before it knows what can be set of it
        wait_for(lambda: name in ours.config(topic), 120)
    admin = KafkaAdminClient(bootstrap_servers=stack.kafka)
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs={name: value})])
    admin.close()


def test_a_message_that_is_too_large_for_the_topic_is_the_producers_error(stack: Stack):
    with pytest.raises(MessageSizeTooLargeError):
        send(stack, bytes(50 * 2**20))


def test_a_batch_that_would_fill_the_memory_is_passed_over_and_counted_as_lost(stack: Stack):
    stack.start("one")
    send(stack, bytes(90_000_000), compression="lz4")
    send(stack, encode(batch(ts=now_ms(), power_w=1.0)))

    wait_for(lambda: stack.stored() == (1, 1.0) and stack.everything_is_stored(), 120)

    assert stack.workers["one"].poll() is None
    audit = stack.run("audit")
    assert audit.returncode == 0, audit.stdout
    assert stack.rows("SELECT sum(lost) FROM ingest_blocks") == [(1,)]


def test_samples_are_dated_by_the_broker_again_when_somebody_changed_that(stack: Stack):
    stack.start("one")
    configure(stack, "message.timestamp.type", "CreateTime", SAMPLES)
    configure(stack, "retention.ms", "100000000", SAMPLES)

    with KafkaAdmin(stack.kafka) as admin:
        wait_for(lambda: admin.config(SAMPLES)["message.timestamp.type"] == "LogAppendTime", 120)
        assert admin.config(SAMPLES)["retention.ms"] == "100000000"


class Garbage(RoundRobinPartitionAssignor):
    """Joins as a worker would, and says nothing that can be read."""

    name = "faust"

    @classmethod
    def metadata(cls, topics: Iterable[str]) -> ConsumerProtocolMemberMetadata:
        return ConsumerProtocolMemberMetadata(4, list(topics), b"garbage")


def test_a_member_of_the_group_that_is_no_worker_ends_nobody(stack: Stack):
    async def join(seconds: float) -> None:
        consumer = AIOKafkaConsumer(
            SAMPLES, bootstrap_servers=stack.kafka, group_id=GROUP, partition_assignment_strategy=[Garbage]
        )
        with suppress(Exception):
            async with asyncio.timeout(seconds):
                await consumer.start()
                await consumer.getone()
        await consumer.stop()

    stack.start("one")
    send(stack, encode(batch(ts=now_ms(), power_w=1.0)))
    wait_for(lambda: stack.stored() == (1, 1.0), 120)
    asyncio.run(join(10))
    send(stack, encode(batch(ts=now_ms(), power_w=1.0)))
    wait_for(lambda: stack.stored() == (2, 2.0), 120)
    assert stack.workers["one"].poll() is None


def test_while_clickhouse_is_away_the_worker_waits_and_loses_nothing(stack: Stack, tmp_path):
    engine = engines.start(tmp_path / "clickhouse")
    client = engine.migrated_client()
    alone = Stack(stack.kafka, engine.url, client)
    port = int(engine.url.rsplit(":", 1)[1])
    try:
        alone.start("one")
        send(alone, encode(batch(ts=now_ms(), power_w=1.0)))
        wait_for(lambda: alone.stored() == (1, 1.0), 120)
        engines.stop(engine)
        send(alone, encode(batch(ts=now_ms(), power_w=2.0)))
        engine = engines.start(tmp_path / "clickhouse", port)
        wait_for(lambda: alone.stored() == (2, 3.0), 120)
    finally:
        alone.stop()
        engines.stop(engine)


def test_a_topic_that_is_made_anew_is_read_from_its_beginning(stack: Stack):
    """Whoever reaches the broker may delete it. The worker ends when it is there again, and has its partitions back."""
    stack.start("one")
    send(stack, encode(batch(ts=now_ms(), power_w=7.0)))
    wait_for(lambda: stack.stored()[0] == 1, 120)
    admin = KafkaAdminClient(bootstrap_servers=stack.kafka)
    admin.delete_topics([SAMPLES])
    wait_for(lambda: SAMPLES not in admin.list_topics(), 120)
    time.sleep(5)  # the worker is told, and has no partition any more
    admin.close()
    with KafkaAdmin(stack.kafka) as ours:
        ours.ensure(12)

    wait_for(lambda: stack.workers["one"].poll() is not None, 120)
    assert stack.workers.pop("one").returncode == EXIT_START_AGAIN
    stack.start("one")
    send(stack, encode(batch(ts=now_ms(), power_w=7.0)))
    wait_for(lambda: stack.stored()[0] == 2, 120)
