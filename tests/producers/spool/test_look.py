"""What is found in a real topic, and what cannot be known."""

import itertools
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import ACL, ACLOperation, ACLPermissionType, ResourcePattern, ResourceType
from kafka.structs import TopicPartition

from local.broker import Kind, prepare
from local.broker.kafka import free_port
from producers.spool.look import look
from producers.spool.mark import Mark
from producers.spool.terms import Doubt, NoRightError, header_value, partition_of
from schema.errors import GigawattError
from tests.local.broker.conftest import running

IDENTITY, OTHER = "00" * 8, "11" * 8
KEY = b"node-7"
names = (f"looked-{number}" for number in itertools.count())


@pytest.fixture
def topic(kafka):
    """Make a topic of three partitions."""
    admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    name = next(names)
    admin.create_topics({name: {"num_partitions": 3, "configs": {"message.timestamp.type": "LogAppendTime"}}})
    yield name
    admin.close()


def put(kafka, topic, *numbers, key=KEY, identity=IDENTITY, partition=None):
    """Send messages with such numbers; return the times that the broker gave them."""
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap)
    partition = partition_of(key, 3) if partition is None else partition
    futures = [
        producer.send(topic, b"x", key, [("gigawatt-spool", header_value(identity, number))], partition)
        for number in numbers
    ]
    placed = [future.get(30) for future in futures]
    producer.close()
    return placed


def doubts(*numbers, time_ms, key=KEY, identity=IDENTITY):
    return [Doubt(number, identity, key, time_ms) for number in numbers]


def test_what_is_there_is_found_with_its_place(kafka, topic):
    placed = put(kafka, topic, 1, 2, 3)
    seen = look(kafka.bootstrap, topic, doubts(2, 3, 4, time_ms=placed[0].timestamp), Mark(IDENTITY, partitions=[3]))

    assert seen.arrived == {2: (partition_of(KEY, 3), 1), 3: (partition_of(KEY, 3), 2)}
    assert seen.unknown == frozenset()


def test_other_spools_and_other_keys_are_not_taken_for_ours(kafka, topic):
    """A disk that was copied has the same identity, on a host of another name."""
    placed = put(kafka, topic, 1, identity=OTHER)
    put(kafka, topic, 1, key=b"node-8", partition=partition_of(KEY, 3))
    seen = look(kafka.bootstrap, topic, doubts(1, time_ms=placed[0].timestamp), Mark(IDENTITY, partitions=[3]))

    assert seen.arrived == {}


def test_partitions_that_were_added_meanwhile_hide_nothing(kafka, topic):
    """A key has another partition then; messages lie where they were sent."""
    key = next(key for key in (f"k{n}".encode() for n in range(99)) if partition_of(key, 3) != partition_of(key, 7))
    placed = put(kafka, topic, 1, key=key)
    admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    admin.create_partitions({topic: 7})
    admin.close()
    asked = doubts(1, time_ms=placed[0].timestamp, key=key)

    assert look(kafka.bootstrap, topic, asked, Mark(IDENTITY, partitions=[3])).arrived.keys() == {1}
    assert look(kafka.bootstrap, topic, asked, Mark(IDENTITY, partitions=[3, 7])).arrived.keys() == {1}
    assert look(kafka.bootstrap, topic, asked, Mark(IDENTITY)).arrived.keys() == {1}  # without a mark, in all


def test_the_place_that_was_acknowledged_last_is_where_looking_begins(kafka, topic):
    """A clock that is wrong by years hides nothing behind it."""
    put(kafka, topic, 1, 2, 3)
    mark = Mark(IDENTITY, partitions=[3], places={partition_of(KEY, 3): 1})

    assert look(kafka.bootstrap, topic, doubts(1, 2, 3, time_ms=0), mark).arrived.keys() == {2, 3}


def test_what_was_deleted_before_it_was_looked_at_cannot_be_known(kafka, topic):
    placed = put(kafka, topic, 1, 2, 3)
    admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    admin.delete_records({TopicPartition(topic, partition_of(KEY, 3)): 2})
    admin.close()
    asked = doubts(1, 2, 3, time_ms=placed[0].timestamp)

    for places in ({partition_of(KEY, 3): 0}, {}):
        seen = look(kafka.bootstrap, topic, asked, Mark(IDENTITY, partitions=[3], places=places))
        assert (seen.arrived.keys(), seen.unknown) == ({3}, {1, 2})


def test_an_empty_topic_has_nothing(kafka, topic):
    assert look(kafka.bootstrap, topic, doubts(1, time_ms=10**12), Mark(IDENTITY, partitions=[3])).arrived == {}


def test_a_topic_that_is_missing_is_one_line(kafka):
    with pytest.raises(GigawattError, match="gigawatt migrate"):
        look(kafka.bootstrap, "nowhere", doubts(1, time_ms=0), Mark(IDENTITY))


def test_a_producer_that_may_only_write_is_told_to_be_allowed_to_read(tmp_path):
    """By Kafka's own authorizer; the topic is there for it, and its messages cannot be looked at."""
    broker = prepare(tmp_path, free_port("127.0.0.1"), kind=Kind.KAFKA)
    with Path(broker.argv[-1]).open("a", encoding="ascii") as properties:
        properties.write("authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n")
        properties.write("allow.everyone.if.no.acl.found=true\n")
    with running(broker):
        admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap)
        admin.create_topics({"guarded": {"num_partitions": 3}})
        topic = ResourcePattern(ResourceType.TOPIC, "guarded")
        admin.create_acls([ACL("User:ANONYMOUS", "*", ACLOperation.WRITE, ACLPermissionType.ALLOW, topic)])
        admin.close()
        placed = put(broker, "guarded", 1)
        with pytest.raises(NoRightError, match="denies Read on topic guarded to User:ANONYMOUS"):
            look(broker.bootstrap, "guarded", doubts(1, time_ms=placed[0].timestamp), Mark(IDENTITY, partitions=[3]))
