"""The producer and the broker are ended at random. `GIGAWATT_SPOOL_ROUNDS=100` does so a hundred times."""

import os
import random
import signal
import time
from collections import Counter

import pytest

from producers.spool.mark import MarkFile
from tests.producers.spool.rounds import RUN, Kafka, Producer, deliver_rest, missing, numbers_on_disk, one_round, sent

ROUNDS = int(os.environ.get("GIGAWATT_SPOOL_ROUNDS", "10"))
SEED = int(os.environ.get("GIGAWATT_SPOOL_SEED", "1"))

pytestmark = pytest.mark.timeout(300 + 60 * ROUNDS)


@pytest.fixture(scope="module")
def kafka(tmp_path_factory):
    made = Kafka(tmp_path_factory.mktemp("kafka"))
    yield made
    made.stop()


def test_whatever_is_killed_each_message_arrives_once(kafka, tmp_path):
    """`kill -9` of producer and broker, brokers that hang, torn records: none missing, none twice, in order."""
    chance, spool, said = random.Random(SEED), tmp_path / "spool", tmp_path / "said"
    torn, accepted = set(), set()
    for _ in range(ROUNDS):
        torn |= one_round(kafka, spool, said, chance)
        accepted |= numbers_on_disk(spool)
    deliver_rest(kafka, spool, said)
    (messages,) = sent(kafka).values()
    numbers = Counter(one.number for one in messages)
    mark = MarkFile(spool / "mark").load()
    print(f"{ROUNDS} rounds, {len(messages)} messages, {len(torn)} torn, {len(torn - set(numbers))} of them lost")  # noqa: T201  for -s

    assert [number for number, times in numbers.items() if times > 1] == []
    assert missing(set(numbers), accepted) <= torn
    for partition in range(3):
        order = [one.number for one in messages if one.partition == partition]
        assert order == sorted(order)
    assert "Traceback" not in said.read_text()
    assert mark.dropped == {}
    assert len(torn - set(numbers)) <= mark.damaged <= len(torn)  # one that had arrived was torn, too
    assert list(spool.glob("*.spool")) == []


def test_what_is_dropped_for_room_is_counted_to_the_last_sample(kafka, tmp_path):
    """The broker hangs for longer than the spool holds, and the producer is killed twice meanwhile."""
    spool, said = tmp_path / "spool", tmp_path / "said"
    large = ("--chips", "2000", "--cadence", "1", "--spool-bytes", "4M")
    before, accepted = set(sent(kafka)), set()
    kafka.pause()
    try:
        for _ in range(2):
            producer = Producer(kafka, spool, said, *large)
            time.sleep(8)
            producer.end(signal.SIGKILL)
            accepted |= numbers_on_disk(spool)
    finally:
        kafka.resume()
    deliver_rest(kafka, spool, said, *large)
    (messages,) = (found for name, found in sent(kafka).items() if name not in before)
    numbers = Counter(one.number for one in messages)
    gone = missing(set(numbers), accepted)
    # Each read brings the same hosts in the same order; the last producer, with a broker, cuts large messages less.
    paused = [one for one in messages if one.number // RUN < max(numbers) // RUN]
    hosts = next(n for n in range(1, len(paused)) if same_every(n, paused))
    samples = {one.number % RUN % hosts: one.samples for one in paused}
    mark = MarkFile(spool / "mark").load()

    assert set(numbers.values()) == {1}
    assert len(gone) > 20
    assert mark.dropped == {"spool_full": sum(samples[number % RUN % hosts] for number in gone)}


def same_every(hosts, messages):
    """Say whether the messages of so many hosts come again and again."""
    sizes = {}
    return all(
        sizes.setdefault(one.number % RUN % hosts, (one.partition, one.samples)) == (one.partition, one.samples)
        for one in messages
    )


def test_a_full_disk_costs_nothing_while_the_broker_is_there(kafka, tmp_path):
    """No file may become larger than 100 KB: the producer says so once and goes on from memory."""
    spool, said = tmp_path / "spool", tmp_path / "said"
    before = set(sent(kafka))
    producer = Producer(kafka, spool, said, limit=200)
    time.sleep(12)
    producer.end(signal.SIGTERM)
    (messages,) = (found for name, found in sent(kafka).items() if name not in before)
    numbers = [one.number for one in messages]

    assert missing(set(numbers)) == set()
    assert len(numbers) == len(set(numbers)) > 100
    assert said.read_text().count("cannot write to the spool") == 1
    assert " lost=0 " in said.read_text()


def test_a_second_producer_is_told_that_the_spool_is_in_use(kafka, tmp_path):
    """One line, and an exit status; the first goes on."""
    first = Producer(kafka, tmp_path / "spool", tmp_path / "first")
    until = time.monotonic() + 60
    while not (tmp_path / "spool" / "mark").exists():
        assert time.monotonic() < until
        time.sleep(0.05)
    second = Producer(kafka, tmp_path / "spool", tmp_path / "second")
    try:
        assert second.process.wait(60) == 1
        assert (tmp_path / "second").read_text() == (
            f"gigawatt: spool {tmp_path / 'spool'} is in use by another producer;"
            " use one directory per producer, or stop the other one\n"
        )
        assert first.process.poll() is None
    finally:
        second.end(signal.SIGTERM)
        first.end(signal.SIGTERM)
