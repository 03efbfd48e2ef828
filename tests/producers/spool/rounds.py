"""A real `gigawatt produce` with a spool and a real Kafka, ended at random: what a round does, and what is there then.

Messages of one process are numbered without a gap, so the topic itself shows whether one is missing.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections import defaultdict
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from kafka import KafkaConsumer, TopicPartition

from local.broker import Kind, prepare
from local.broker.kafka import free_port
from producers.spool.record import Found, scan
from schema import wire
from schema.kafka import KafkaAdmin
from tests.local.broker.conftest import running

TOPIC = "chip.samples"
RUN = 2**32
"""Each process numbers its messages in a block of its own."""


class Kafka:
    """An Apache Kafka that can be paused, killed and started again."""

    def __init__(self, state: Path) -> None:
        self._prepared = prepare(state, free_port("127.0.0.1"), kind=Kind.KAFKA)
        self.bootstrap = self._prepared.bootstrap
        self._stack = ExitStack()
        self.start()
        with KafkaAdmin(self.bootstrap) as admin:
            admin.ensure(3)

    def start(self) -> None:
        self.process = self._stack.enter_context(running(self._prepared))

    def pause(self) -> None:
        os.kill(self.process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.process.pid, signal.SIGCONT)

    def stop(self) -> None:
        """Kill it: what it acknowledged is in the system's cache, if not on disk."""
        self._stack.close()
        self._stack = ExitStack()


class Producer:
    """A process that reads a simulated fleet ten times a second: messages of several hosts."""

    def __init__(self, kafka: Kafka, spool: Path, said: Path, *options: str, limit: int | None = None) -> None:
        command = [sys.executable, "-m", "gigawatt", "produce", "simulated", "--period", "0.1", "--silent", "0"]
        command += ["--to", kafka.bootstrap, "--spool", str(spool), *(options or ("--chips", "8"))]
        if limit is not None:
            command = ["/bin/sh", "-c", f'ulimit -f {limit}; exec "$@"', "sh", *command]  # blocks of 512 bytes
        with said.open("ab") as told:
            self.process = subprocess.Popen(command, stderr=told)

    def end(self, number: signal.Signals) -> None:
        self.process.send_signal(number)
        self.process.wait(60)


def numbers_on_disk(spool: Path) -> set[int]:
    """Return the numbers of all whole records in the spool's files."""
    found = set[int]()
    for path in spool.glob("*.spool"):
        with suppress(FileNotFoundError):
            found |= {item.record.number for item in scan(path.read_bytes()) if isinstance(item, Found)}
    return found


def tear(spool: Path, chance: random.Random) -> set[int]:
    """Cut off the newest file in its last record, as a power cut does; return the record's number."""
    files = sorted(spool.glob("*.spool"))
    if not files or not (
        numbers := [one.record.number for one in scan(files[-1].read_bytes()) if isinstance(one, Found)]
    ):
        return set()
    os.truncate(files[-1], files[-1].stat().st_size - chance.randrange(1, 60))
    return {numbers[-1]}


def one_round(kafka: Kafka, spool: Path, said: Path, chance: random.Random) -> set[int]:
    """Let a producer run beside a broker that may go away, and end it; return the numbers that were torn."""
    producer = Producer(kafka, spool, said)
    time.sleep(chance.uniform(0.5, 9.0))
    broker = chance.choice(["there", "there", "paused", "paused", "killed"])
    if broker == "paused":
        kafka.pause()
    elif broker == "killed":
        kafka.stop()
    time.sleep(chance.uniform(0, 3.0) if broker != "there" else 0)
    producer.end(signal.SIGKILL if chance.random() < 0.9 else signal.SIGTERM)
    torn = tear(spool, chance) if chance.random() < 0.2 else set()
    late = chance.random() < 0.5  # back before the next producer starts, or after
    if broker != "there" and late:
        with Producer(kafka, spool, said).process as next_one:
            time.sleep(chance.uniform(0.5, 4.0))
            next_one.kill()
    if broker == "paused":
        kafka.resume()
    elif broker == "killed":
        kafka.start()
    return torn


def deliver_rest(kafka: Kafka, spool: Path, said: Path, *options: str) -> None:
    """Let a last producer send what is left, and end as it should."""
    producer = Producer(kafka, spool, said, *options)
    until = time.monotonic() + 120
    time.sleep(8)  # it has a file of its own then
    while len({number // RUN for number in numbers_on_disk(spool)}) > 1:
        assert time.monotonic() < until, "what earlier processes left is not sent"
        time.sleep(0.2)
    producer.end(signal.SIGTERM)


@dataclass(frozen=True)
class Message:
    partition: int
    number: int
    samples: int


def sent(kafka: Kafka) -> dict[str, list[Message]]:
    """Return what the topic holds, by spool, in the order of the log."""
    consumer = KafkaConsumer(bootstrap_servers=kafka.bootstrap, group_id=None)
    parts = [TopicPartition(TOPIC, number) for number in consumer.partitions_for_topic(TOPIC)]
    consumer.assign(parts)
    consumer.seek_to_beginning()
    ends = consumer.end_offsets(parts)
    found = defaultdict(list)
    until = time.monotonic() + 120
    while any(consumer.position(part) < end for part, end in ends.items()):
        assert time.monotonic() < until, "the topic was not read"
        for messages in consumer.poll(500).values():
            for message in messages:
                identity, number = dict(message.headers)["gigawatt-spool"].decode().split(":")
                samples = wire.decode(message.value).num_rows
                found[identity].append(Message(message.partition, int(number), samples))
    consumer.close()
    return dict(found)


def missing(there: set[int], accepted: set[int] = frozenset()) -> set[int]:
    """Return the gaps within the messages of each process, up to the last that is there or was accepted."""
    runs = defaultdict(set)
    for number in there | accepted:
        runs[number // RUN].add(number % RUN)
    return {run * RUN + number for run, some in runs.items() for number in range(max(some) + 1)} - there
