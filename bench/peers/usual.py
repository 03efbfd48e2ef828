"""The usual Faust way, on a broker and an engine of its own."""

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from importlib.metadata import version
from typing import Final

from clickhouse_connect.driver.client import Client
from kafka import KafkaAdminClient
from kafka.admin import OffsetSpec
from kafka.structs import TopicPartition

from bench.engine import engine
from bench.load import Load
from bench.peers.peer import Peer, Running, of_its_own
from bench.peers.usual_rows import PARTITIONS, TABLE, TOPIC
from local.broker.kafka import free_port
from local.broker.running import accepts, describes_itself
from schema.clickhouse import connect

_HOST: Final = "127.0.0.1"


@contextmanager
def _run(load: Load) -> Iterator[Running]:
    with engine() as store, of_its_own() as running:
        port = free_port(_HOST)
        kafka = f"{_HOST}:{port}"
        broker = ("local.broker", "--state", str(running.folder), "--port", str(port))
        running.start("broker", [sys.executable, "-m", *broker])
        running.wait_for("the broker", lambda: accepts(_HOST, port) and describes_itself(kafka))
        with (
            connect(store.url, database=None) as client,
            closing(KafkaAdminClient(bootstrap_servers=kafka)) as admin,
        ):
            client.command("CREATE DATABASE IF NOT EXISTS usual")
            client.command(TABLE)
            topic = {"num_partitions": PARTITIONS, "replication_factor": 1}
            admin.create_topics({TOPIC: topic}, wait_for_metadata=True)
            app = ("bench.peers.usual_app", "--kafka", kafka, "--clickhouse", store.url)
            running.start("worker", [sys.executable, "-m", *app])
            fleet = ("--chips", str(load.chips), "--batch", str(load.batch))
            events = ("bench.peers.usual_events", "--kafka", kafka, *fleet)
            running.start("events", [sys.executable, "-m", *events], counts=False)
            running.pids["store"] = store.process.pid
            running.samples = partial(_samples, client, admin)
            running.wait_for("the app's first rows", lambda: _rows(client))
            yield running


def _rows(client: Client) -> int:
    ((rows,),) = client.query("SELECT count() FROM usual.chip_rows").result_rows
    return int(rows)


def _samples(client: Client, admin: KafkaAdminClient) -> dict[str, int]:
    """Return how many events the broker has, and how many of them are stored."""
    partitions = [TopicPartition(TOPIC, number) for number in range(PARTITIONS)]
    ends = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST))
    stored = _rows(client)
    return {"broker": sum(end.offset for end in ends.values()), "worker": stored, "store": stored}


USUAL: Final = Peer(
    "Faust, the usual way",
    "a JSON event a chip, a windowed table of watts by fleet, inserts of a thousand rows into ClickHouse",
    lambda: "",
    lambda: f"faust-streaming {version('faust-streaming')}",
    _run,
)
