"""A publisher over a spool, on a real broker that can be paused."""

import threading
import time
from contextlib import ExitStack

import pytest
from kafka import KafkaConsumer, TopicPartition
from structlog.testing import capture_logs

from producers.connection import Connection, connect
from producers.source import Batch
from producers.spool.bounds import Bounds
from producers.spool.look import look
from producers.spool.publisher import SpoolPublisher
from producers.spool.spool import Spool
from producers.spool.terms import NoRightError
from schema import encoding, wire
from tests.batches import batch

TOPIC = "chip.samples"


def of(host, rows=8):
    return Batch(host, batch(host=host, chip=[f"{host}/{number}" for number in range(rows)]))


@pytest.fixture
def publisher(broker, tmp_path):
    """Make publishers over the spool of this test; each ends, without waiting, when the next is made."""
    with ExitStack() as stack, capture_logs() as lines:

        def make(**options):
            stack.close()
            chosen = {
                "connect": lambda stop: connect(broker.bootstrap, TOPIC, stop=stop),
                "look": lambda doubts, mark: look(broker.bootstrap, TOPIC, doubts, mark),
                "settle_s": 0.2,
                **options,
            }
            made = SpoolPublisher(Spool(tmp_path / "spool", Bounds(disk_bytes=2**24)), TOPIC, **chosen)
            stack.callback(made.close, 0.0)
            return made

        make.lines = lines
        yield make


def settle(sink, within_s=60):
    until = time.monotonic() + within_s
    while sink.waiting_bytes():
        assert time.monotonic() < until, "not delivered"
        sink.watch()
        time.sleep(0.01)
    sink.watch()


def received(broker, host):
    """Return the messages of a host, in order."""
    consumer = KafkaConsumer(bootstrap_servers=broker.bootstrap, group_id=None)
    try:
        parts = [TopicPartition(TOPIC, number) for number in consumer.partitions_for_topic(TOPIC)]
        consumer.assign(parts)
        consumer.seek_to_beginning()
        ends, found = consumer.end_offsets(parts), []
        until = time.monotonic() + 60
        while any(consumer.position(part) < end for part, end in ends.items()):
            assert time.monotonic() < until, "not received"
            for messages in consumer.poll(500).values():
                found += messages
    finally:
        consumer.close()
    return [message for message in found if message.key == host.encode()]


def rows(messages):
    return [wire.decode(message.value).num_rows for message in messages]


class Failing:
    """A client that sends, and then fails without having heard whether it arrived."""

    def __init__(self, producer):
        self._producer = producer

    def __getattr__(self, name):
        return getattr(self._producer, name)

    def send(self, *arguments):
        self._producer.send(*arguments).get(10)
        raise ValueError("the connection is lost")


def failing_first(broker):
    """Connect to a client that fails, and from then on to one that does not."""
    made = []

    def connected(stop):
        connection = connect(broker.bootstrap, TOPIC, stop=stop)
        if not made:
            made.append(connection)
            return Connection(Failing(connection.producer))
        return connection

    return connected


def test_a_message_is_numbered_in_its_header(broker, publisher):
    """Key, value and content type are the contract's, as without a spool."""
    sink = publisher()
    for number in range(1, 4):
        sink.publish(of("numbered", number))
    settle(sink)
    messages = received(broker, "numbered")
    headers = [dict(message.headers) for message in messages]
    named = [one["gigawatt-spool"].decode().split(":") for one in headers]

    assert rows(messages) == [1, 2, 3]
    assert {one["content-type"] for one in headers} == {b"application/vnd.apache.arrow.stream"}
    assert len({identity for identity, _ in named}) == 1
    assert [int(number) - int(named[0][1]) for _, number in named] == [0, 1, 2]
    assert (sink.sent.messages, sink.sent.samples, sink.sent.lost) == (3, 6, 0)


def test_what_waits_at_the_end_is_sent_by_the_next(broker, publisher):
    """Nothing is lost when the broker hangs: it is on disk, and goes out in order before what is new."""
    sink = publisher()
    sink.publish(of("left", 1))
    settle(sink)
    broker.pause()
    try:
        for number in (2, 3, 4):
            sink.publish(of("left", number))
        sink.close(0.2)
        first = sink.sent
    finally:
        broker.resume()
    again = publisher()
    again.publish(of("left", 5))
    settle(again)

    assert (first.lost, first.spooled) == (0, 9)
    assert rows(received(broker, "left")) == [1, 2, 3, 4, 5]


def test_what_arrived_is_not_sent_again(broker, publisher):
    """A client fails after its messages arrived; the next one looks, finds them, and goes on behind them."""
    sink = publisher(connect=failing_first(broker))
    for number in (1, 2):
        sink.publish(of("arrived", number))
    settle(sink)
    sink.publish(of("arrived", 3))
    settle(sink)
    looked = [line for line in publisher.lines if line["event"] == "checked which of the last messages had arrived"]

    assert rows(received(broker, "arrived")) == [1, 2, 3]
    assert sum(line["arrived"] for line in looked) > 0
    assert (sink.sent.messages, sink.sent.lost) == (3, 0)


def test_without_the_right_to_look_what_may_have_arrived_is_dropped_and_counted(broker, publisher):
    """Sent again, its joules might count twice. What was never handed over is sent."""

    def refused(*_):
        raise NoRightError("this producer may not read")

    sink = publisher(connect=failing_first(broker), look=refused)
    sink.publish(of("refused", 1))
    until = time.monotonic() + 60
    while not sink.sent.lost:
        assert time.monotonic() < until
        time.sleep(0.01)
    sink.publish(of("refused", 2))
    settle(sink)

    assert rows(received(broker, "refused")) == [1, 2]  # the first arrived, unknown to us
    assert sink.sent.dropped == {"unknown": 1}


def test_a_topic_that_was_made_anew_is_not_given_what_the_old_one_may_have_had(broker, publisher, tmp_path):
    """Workers may have stored it from the old one. What was not handed over is sent."""
    before = Spool(tmp_path / "spool")
    before.begin("the identity of the old one", 2)
    for number in (1, 2):
        samples = of("anew", number).samples
        before.append(b"anew", number, encoding.encode(samples))
        if number == 1:
            before.take(0)
    before.close()
    sink = publisher()
    settle(sink)

    assert rows(received(broker, "anew")) == [2]
    assert sink.sent.dropped == {"unknown": 1}
    assert "the topic was created again" in str(publisher.lines)


def test_samples_wait_from_the_first_moment_though_no_broker_was_ever_there(broker, publisher):
    """A host that starts during an outage loses nothing of it."""
    there = threading.Event()

    def connect_late(stop):
        there.wait()
        return connect(broker.bootstrap, TOPIC, stop=stop)

    sink = publisher(connect=connect_late)
    for number in (1, 2):
        sink.publish(of("early", number))
    waiting = sink.waiting_bytes()
    there.set()
    settle(sink)

    assert waiting > 0
    assert rows(received(broker, "early")) == [1, 2]


def test_the_disk_and_the_broker_are_each_told_of_once(broker, publisher):
    """When they go, and when they are back."""
    ahead_s = 0.0
    sink = publisher(elapsed=lambda: time.monotonic() + ahead_s)
    sink.publish(of("told", 1))
    settle(sink)
    broker.pause()
    try:
        sink.publish(of("told", 2))
        ahead_s = 60.0
        sink.watch()
        sink.watch()
    finally:
        broker.resume()
    settle(sink)

    assert [line["event"] for line in publisher.lines] == [
        "the broker does not answer; samples are kept in the spool and sent later",
        "the broker answers again",
    ]
