"""The fleet as JSON events, one a chip and second: `python -m bench.peers.usual_events --kafka HOST:PORT ...`."""

import json
import threading
from typing import Final

import click
from kafka import KafkaProducer

from bench.peers.pages import METRICS, simulated
from bench.peers.usual_rows import ROWS, TOPIC
from producers.sampler import Sampler
from producers.source import Batch
from producers.stack import Stack

_FIELDS: Final = (*(name for name in ROWS if name != "ts"), *METRICS)


@click.command()
@click.option("--kafka", required=True, help="The broker, HOST:PORT.")
@click.option("--chips", required=True, type=click.IntRange(1), help="Size of the fleet.")
@click.option("--batch", required=True, type=click.IntRange(1), help="Chips of a host.")
def main(kafka: str, chips: int, batch: int) -> None:
    """Publish an event for each chip every second until SIGTERM."""
    producer = KafkaProducer(
        bootstrap_servers=kafka, acks="all", compression_type="lz4", linger_ms=50, batch_size=256 * 2**10
    )

    def publish(read: Batch | Stack) -> None:
        named = [name for name in _FIELDS if name in read.samples.schema.names]
        columns = [read.samples.column(name).to_pylist() for name in named]
        ts_s = read.samples.column("ts")[0].value / 1000
        for values in zip(*columns, strict=True):
            event = {"ts": ts_s, **dict(zip(named, values, strict=True))}
            # By fleet: the table of its watts is then in the partition of its events, without a second topic.
            producer.send(TOPIC, json.dumps(event).encode(), event["fleet"].encode())

    Sampler(simulated(chips, batch), publish, period_s=1.0, stop=threading.Event()).run()


if __name__ == "__main__":
    main()
