"""Whatever comes in the samples topic: a counted reason, a dead letter, and the next message goes on."""

import time

import psutil
import pyarrow as pa
import pytest
from kafka import KafkaProducer
from kafka.errors import MessageSizeTooLargeError

from schema import wire
from schema.encoding import encode
from schema.kafka import KafkaAdmin, LogRecord, read_log
from schema.topics import REJECTED, SAMPLES
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

    wait_for(lambda: stack.stored()[0] == 3, 60)

    assert stack.workers["one"].poll() is None
    assert stack.stored() == (3, 108.0)
    counted = dict(stack.rows("SELECT reason, sum(rows) FROM rejected_rows GROUP BY reason"))
    assert counted == {"undecodable": 6, "bad_power": 1, "missing_label": 3, "too_late": 1, "bad_label": 1}
    letters = dead_letters(stack)
    assert len(letters) == 6 + 1 + 3 + 1 + 1
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

    wait_for(lambda: stack.stored()[0] == 151, 90)

    assert stack.workers["one"].poll() is None
    assert psutil.Process(stack.workers["one"].pid).memory_info().rss < 1e9
    assert dict(stack.rows("SELECT reason, sum(rows) FROM rejected_rows GROUP BY reason")) == {"undecodable": 1}
    assert stack.stored() == (151, pytest.approx(150 * 3_600 + 500, rel=1e-9))
    audit = stack.run("audit")
    assert audit.returncode == 0, audit.stdout


def test_a_message_that_is_too_large_for_the_topic_is_the_producers_error(stack: Stack):
    with pytest.raises(MessageSizeTooLargeError):
        send(stack, bytes(50 * 2**20))


def test_while_clickhouse_is_away_the_worker_waits_and_loses_nothing(stack: Stack, tmp_path):
    engine = engines.start(tmp_path / "clickhouse")
    client = engine.migrated_client()
    alone = Stack(stack.kafka, engine.url, client)
    port = int(engine.url.rsplit(":", 1)[1])
    try:
        alone.start("one")
        send(alone, encode(batch(ts=now_ms(), power_w=1.0)))
        wait_for(lambda: alone.stored() == (1, 1.0), 60)
        engines.stop(engine)
        send(alone, encode(batch(ts=now_ms(), power_w=2.0)))
        engine = engines.start(tmp_path / "clickhouse", port)
        wait_for(lambda: alone.stored() == (2, 3.0), 60)
    finally:
        alone.stop()
        engines.stop(engine)
