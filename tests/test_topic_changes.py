"""The topic is changed under running workers: what is stored stays right, and what is lost is reported."""

import signal
import time
from datetime import UTC, datetime

from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.structs import TopicPartition

from schema import encoding
from schema.errors import EXIT_START_AGAIN
from schema.kafka import KafkaAdmin
from schema.readback import count_marks, read_log
from schema.topics import LOST, MADE_ANEW, SAMPLES
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
    wait_for(lambda: stack.stored()[0] == 1, 120)
    stack.kill("one", signal.SIGTERM)
    stack.start("one")
    send(stack, 0)
    wait_for(lambda: stack.stored()[0] == 2, 120)

    admin = KafkaAdminClient(bootstrap_servers=stack.kafka)
    admin.create_partitions({SAMPLES: 14})
    admin.close()
    send(stack, 13, 3)

    wait_for(lambda: stack.stored()[0] == 5, 120)
    assert stack.workers["one"].poll() is None
    with KafkaAdmin(stack.kafka) as ours:
        assert ours.unassigned("gigawatt", SAMPLES) == set()


def made_anew(stack: Stack) -> None:
    """Delete the topic and create it again."""
    admin = KafkaAdminClient(bootstrap_servers=stack.kafka)
    admin.delete_topics([SAMPLES])
    admin.close()
    time.sleep(0.3)
    with KafkaAdmin(stack.kafka) as ours:
        ours.ensure(12)


def lost_by_rule(stack: Stack) -> float:
    """Return what the rule of lost messages would alert on."""
    rows = stack.rows("SELECT value FROM rule_messages_lost(at = now() + 1)")
    return sum(float(value) for (value,) in rows)


def assert_lost(stack: Stack, messages: int) -> None:
    """Assert that rule, `status` and `audit` report so many lost messages in the same words."""
    assert lost_by_rule(stack) == messages
    status, audit = stack.run("status"), stack.run("audit")
    assert (status.returncode, audit.returncode) == (1, 0), status.stdout + audit.stdout + audit.stderr
    assert f"{messages} {LOST}" in status.stdout
    assert f"{messages} {LOST}" in audit.stdout


def delete_before(stack: Stack, partition: int, offset: int) -> None:
    admin = KafkaAdminClient(bootstrap_servers=stack.kafka)
    admin.delete_records({TopicPartition(SAMPLES, partition): offset})
    admin.close()


def test_messages_that_are_deleted_before_they_are_stored_are_reported(stack: Stack):
    stack.start("one")
    send(stack, 0, 3)
    wait_for(stack.everything_is_stored, 120)
    stack.kill("one")
    send(stack, 0, 9)
    delete_before(stack, 0, 10)
    assert "7 messages lost" in stack.run("status").stdout

    stack.start("one")
    wait_for(stack.everything_is_stored, 120)
    assert stack.stored()[0] == 5
    assert_lost(stack, 7)


def test_a_cut_whose_messages_are_deleted_is_closed_and_reported(stack: Stack):
    with KafkaAdmin(stack.kafka) as admin:
        log = admin.log_id(SAMPLES)
    send(stack, 0, 6)
    columns = ["log", "topic", "kafka_partition", "offset_from", "offset_to", "commit_id", "worker", "cut_at"]
    cut = [log, SAMPLES, 0, 0, 3, "theirs", "them", datetime.now(UTC)]
    stack.client.insert("block_cuts", [cut], column_names=columns)
    delete_before(stack, 0, 5)

    stack.start("one")
    wait_for(stack.everything_is_stored, 120)
    assert stack.stored()[0] == 1
    assert_lost(stack, 5)


def test_samples_that_are_compacted_away_are_reported_and_the_policy_is_set_back(stack: Stack):
    compact = {"cleanup.policy": "compact", "segment.ms": "100", "min.cleanable.dirty.ratio": "0.01"}
    admin = KafkaAdminClient(bootstrap_servers=stack.kafka)
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, SAMPLES, configs=compact)])
    admin.close()
    for _ in range(3):  # each message begins a segment, and only the last one of a key stays
        send(stack, 0, 2)
        time.sleep(0.2)

    def left() -> list[int]:
        return [record.offset for record in read_log(stack.kafka, SAMPLES, {0: (0, 6)})]

    wait_for(lambda: len(left()) < 6, 120)
    stack.start("one")
    wait_for(stack.everything_is_stored, 120)
    kept = stack.stored()[0]
    assert kept < 6
    assert_lost(stack, 6 - kept)
    with KafkaAdmin(stack.kafka) as ours:
        wait_for(lambda: ours.config(SAMPLES)["cleanup.policy"] == "delete", 30)


def test_marks_of_transactions_are_no_loss(stack: Stack):
    producer = KafkaProducer(bootstrap_servers=stack.kafka, transactional_id="t")
    producer.init_transactions()
    for _ in range(3):
        producer.begin_transaction()
        value = encoding.encode(batch(ts=int(time.time() * 1000), interval_ms=1000, power_w=1.0))
        producer.send(SAMPLES, value=value, partition=0).get(30)
        producer.commit_transaction()
    producer.close()
    assert count_marks(stack.kafka, SAMPLES, 0, 0, 6) == 3
    assert [record.offset for record in read_log(stack.kafka, SAMPLES, {0: (0, 6)})] == [0, 2, 4]
    assert [record.offset for record in read_log(stack.kafka, SAMPLES, {0: (2, 4)})] == [2]

    stack.start("one")
    wait_for(lambda: stack.stored()[0] == 3, 120)
    assert lost_by_rule(stack) == 0
    assert LOST not in stack.run("status").stdout


def test_a_topic_that_is_made_anew_has_each_message_stored_once(stack: Stack):
    """Under offsets that the one before had, and beyond them; the worker ends with a status of its own."""
    stack.start("one")
    send(stack, 0, 2)
    wait_for(lambda: stack.stored()[0] == 2, 120)
    made_anew(stack)
    send(stack, 0, 5)

    assert stack.workers.pop("one").wait(60) == EXIT_START_AGAIN
    stack.start("one")
    wait_for(lambda: stack.stored()[0] >= 7, 120)
    time.sleep(2)
    assert stack.stored() == (7, 7.0)
    status, audit = stack.run("status"), stack.run("audit")
    assert audit.returncode == 0, audit.stdout
    assert MADE_ANEW in status.stdout
    assert MADE_ANEW in audit.stdout
