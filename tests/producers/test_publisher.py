import threading
import time
from contextlib import ExitStack

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka import KafkaConsumer, TopicPartition
from kafka.partitioner import DefaultPartitioner
from structlog.testing import capture_logs

from producers.connection import ByKey, Connection, connect
from producers.envelopes import Envelopes
from producers.publisher import KafkaPublisher, fitting, messages
from producers.source import Batch
from producers.stack import Stack
from schema import wire
from tests.batches import batch

TOPIC = "chip.samples"


class TakesNothing(Connection):
    def takes(self, size):
        return False


@pytest.fixture
def publisher(broker):
    """Make publishers, which are closed in the end; a clock can be set forward."""
    with ExitStack() as stack:

        def make(**options):
            connection = connect(broker.bootstrap, TOPIC, stop=threading.Event(), give_up_s=60)
            made = KafkaPublisher(connection, TOPIC, **options)
            stack.callback(made.close, 0.0)
            return made

        with capture_logs() as lines:
            make.lines = lines
            yield make


def of(host, rows=8):
    return Batch(host, batch(host=host, chip=[f"{host}/{number}" for number in range(rows)]))


def settle(publisher, within_s=60):
    until = time.monotonic() + within_s
    while publisher.waiting_bytes():
        assert time.monotonic() < until, "not delivered"
        publisher.watch()
        time.sleep(0.01)
    publisher.watch()


def received(broker, hosts):
    """Return what the topic holds of these hosts: messages and the chips in them."""
    consumer = KafkaConsumer(bootstrap_servers=broker.bootstrap, group_id=None)
    try:
        partitions = [TopicPartition(TOPIC, number) for number in consumer.partitions_for_topic(TOPIC)]
        consumer.assign(partitions)
        consumer.seek_to_beginning()
        ends, found = consumer.end_offsets(partitions), []
        until = time.monotonic() + 60
        while any(consumer.position(partition) < end for partition, end in ends.items()):
            assert time.monotonic() < until, "not received"
            for messages in consumer.poll(500).values():
                found += messages
    finally:
        consumer.close()
    messages = [message for message in found if message.key.decode() in hosts]
    return messages, [chip for message in messages for chip in wire.decode(message.value).column("chip").to_pylist()]


def test_a_batch_arrives_once_under_its_key(broker, publisher):
    """Key, content type and value are the contract's; what was delivered is counted."""
    sink = publisher()
    sink.publish(of("plain"))
    settle(sink)
    messages, chips = received(broker, {"plain"})

    assert chips == [f"plain/{number}" for number in range(8)]
    assert messages[0].headers == [("content-type", b"application/vnd.apache.arrow.stream")]
    assert (sink.sent.messages, sink.sent.samples, sink.sent.lost) == (1, 8, 0)


def test_while_the_broker_is_away_samples_wait_and_then_arrive_in_order(broker, publisher):
    """Nothing is lost or doubled by an outage; one line says that it began, one that it ended."""
    ahead_s = 0.0
    sink = publisher(elapsed=lambda: time.monotonic() + ahead_s)
    sink.publish(of("outage", 1))
    settle(sink)
    broker.pause()
    try:
        for rows in (2, 3, 4):
            sink.publish(of("outage", rows))
        ahead_s = 60.0
        sink.watch()
        sink.watch()
    finally:
        broker.resume()
    settle(sink)
    messages, _ = received(broker, {"outage"})

    assert [wire.decode(message.value).num_rows for message in messages] == [1, 2, 3, 4]
    assert sink.sent.lost == 0
    assert [line["event"] for line in publisher.lines] == [
        "the broker does not answer; samples are kept in memory and retried",
        "the broker answers again",
    ]


def test_a_full_buffer_refuses_the_newest_and_says_so(broker, publisher):
    """What is kept is one unbroken stretch; what is refused is counted and said once."""
    sink = publisher(buffer_bytes=12_000)
    broker.pause()
    try:
        for _ in range(10):
            sink.publish(of("full"))
            sink.watch()
        lost = sink.sent.lost
        waiting = sink.waiting_bytes()
    finally:
        broker.resume()
    settle(sink)

    assert 0 < waiting <= 12_000
    assert lost == sink.sent.lost == 80 - sink.sent.samples > 0
    assert len([line for line in publisher.lines if line["event"] == "samples are being lost"]) == 1


def test_what_is_not_delivered_in_time_at_the_end_is_counted_as_lost(broker, publisher):
    """Closing waits for so long and no longer, and nothing vanishes without a word."""
    sink = publisher()
    sink.publish(of("last", 1))
    settle(sink)
    broker.pause()
    try:
        sink.publish(of("last", 5))
        began = time.monotonic()
        sink.close(0.2)
        took_s = time.monotonic() - began
    finally:
        broker.resume()

    assert sink.sent.lost == 5
    assert took_s < 30


def test_a_batch_that_is_too_large_is_sent_in_pieces(broker, publisher):
    """All of its rows arrive, in messages that each fit."""
    sink = publisher()
    asked: list[int] = []
    limit = 20_000  # as for a topic with that limit
    sink._connection = Connection(sink._connection.producer, lambda: asked.append(limit) or limit)
    sink.publish(of("small", 8))
    assert asked == []  # what any topic takes needs no question

    sink.publish(of("large", 1000))
    settle(sink)
    messages, chips = received(broker, {"large"})

    assert chips == [f"large/{number}" for number in range(1000)]
    assert len(messages) == 4
    assert max(len(message.value) for message in messages) <= limit
    assert asked == [limit]


def test_one_sample_that_is_too_large_is_lost_and_said(publisher):
    """There is nothing left to halve."""
    sink = publisher()
    sink._connection = TakesNothing(sink._connection.producer)
    sink.publish(of("tiny", 2))
    sink.watch()

    assert sink.sent.lost == 2
    assert [line["reason"] for line in publisher.lines] == ["one sample of tiny exceeds the maximum message size"]


def test_pieces_hold_all_rows_in_order():
    """Halving loses nothing, and labels that a piece does not use are not in it."""
    whole = of("cut", 500)
    pieces = list(fitting(whole, lambda size: size <= 12_000))

    assert all(len(value) <= 12_000 for _, value in pieces)
    assert [chip for piece, _ in pieces for chip in piece.samples.column("chip").to_pylist()] == whole.samples.column(
        "chip"
    ).to_pylist()


def test_a_client_that_failed_for_good_is_made_anew(broker, publisher):
    """After an error that no retry mends the next batches go out through a new client."""
    stop = threading.Event()
    sink = publisher(
        reconnect=lambda: connect(broker.bootstrap, TOPIC, stop=stop, give_up_s=0),
        elapsed=lambda: time.monotonic() + 100,
    )
    sink._connection.producer.close()  # every send now raises, as after a fatal answer
    sink.publish(of("anew"))
    sink.watch()
    sink.publish(of("anew"))
    settle(sink)

    assert (sink.sent.lost, sink.sent.samples) == (8, 8)


def test_a_loss_that_is_over_is_said_and_the_same_one_later_again(publisher):
    """Over is what has not happened for a minute in which samples arrived."""
    ahead_s = 0.0
    sink = publisher(elapsed=lambda: time.monotonic() + ahead_s)
    for _ in range(2):
        taking, sink._connection = sink._connection, TakesNothing(sink._connection.producer)
        for _ in range(3):
            sink.publish(of("over", 1))
            sink.watch()
        sink._connection = taking
        for _ in range(2):
            ahead_s += 61.0
            sink.publish(of("over", 1))
            settle(sink)
            sink.watch()

    assert [line["event"] for line in publisher.lines] == [
        "samples are being lost",
        "samples are no longer lost",
    ] * 2
    assert sink.sent.lost == 6


def stack_of(hosts, rows=4):
    """Return a message of so many rows for each of these hosts, in one stack."""
    whole = batch(
        host=[host for host in hosts for _ in range(rows)],
        chip=[f"{host}/{number}" for host in hosts for number in range(rows)],
        power_w=1.0,
    )
    return Stack(whole, hosts, np.full(len(hosts), rows))


def test_a_stack_arrives_message_by_message(broker, publisher):
    """Each under its key and in its partition, as if they had come one by one."""
    hosts = [f"stacked-{number}" for number in range(40)]
    sink = publisher()
    sink.publish(stack_of(hosts))
    for host in hosts:
        sink.publish(of(host, 1))
    settle(sink)
    found, chips = received(broker, set(hosts))
    places = {}
    for message in found:
        places.setdefault(message.key.decode(), set()).add(message.partition)

    assert sorted(chips) == sorted(
        [f"{host}/{number}" for host in hosts for number in range(4)] + [f"{host}/0" for host in hosts]
    )
    assert {len(partitions) for partitions in places.values()} == {1}
    assert (sink.sent.messages, sink.sent.samples, sink.sent.lost) == (80, 200, 0)


def test_a_message_of_a_stack_that_is_too_large_is_sent_in_pieces():
    """The others go as they are."""
    small, large = "s" * 10, "l" * 100
    stack = Stack(batch(host=[small] * 2 + [large] * 4, chip=list("abcdef")), [small, large], np.array([2, 4]))
    sizes = [len(message.value) for message in messages(stack, lambda _: True, Envelopes())]
    sent = list(messages(stack, lambda size: size < sizes[1], Envelopes()))

    assert [(message.key, message.samples) for message in sent] == [(small, 2), (large, 2), (large, 2)]
    assert [wire.decode(message.value)["chip"].to_pylist() for message in sent] == [["a", "b"], ["c", "d"], ["e", "f"]]


@given(st.binary(min_size=1, max_size=40), st.integers(1, 40))
def test_partitions_are_those_of_kafkas_own_clients(key, count):
    """Else a host's samples would change their place, and their order, with our version."""

    class Cluster:
        def partitions_for_topic(self, topic):
            return set(range(count))

        available_partitions_for_topic = partitions_for_topic

        def topics(self):
            return {TOPIC}

    arguments = (TOPIC, None, key, None, b"", Cluster())
    for _ in range(2):
        assert ByKey().partition(*arguments) == DefaultPartitioner().partition(*arguments)
