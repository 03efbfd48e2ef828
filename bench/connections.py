"""Many producers in one process: each with a client and a connection of its own, as on as many hosts.

`python -m bench.connections --to HOST:PORT --chips N --batch B --connections C --publish-every S`: the simulated fleet,
its messages dealt out to the connections. A broker pays by the request, and sees here what it would of so many hosts.
"""

import signal
import threading
from collections.abc import Sequence

import click
import pyarrow as pa

from producers.batches import compact
from producers.connection import connect
from producers.publisher import KafkaPublisher
from producers.sampler import Sampler
from producers.sink import Sink
from producers.source import Batch, Source, Tick
from producers.sources.simulated import Simulated
from producers.stack import Stack
from schema import fleet as fleets
from schema.errors import GigawattError
from schema.topics import SAMPLES

_CONNECTS_WITHIN_S = 60.0
_DELIVERS_WITHIN_S = 10.0


class Dealer:
    """Deals messages out to sinks, each key always to the same one; with `every` above 1, so many reads in a message.

    Keys are due in turn: hosts that were started at random moments do not send in the same second either.
    """

    def __init__(self, sinks: Sequence[Sink], every: int = 1) -> None:
        self._sinks, self._every = sinks, every
        self._number: dict[str, int] = {}
        self._reads: dict[str, int] = {}
        self._held: dict[str, list[pa.RecordBatch]] = {}

    def publish(self, read: Batch | Stack) -> None:
        """Send batches, or keep each until its key is due."""
        for batch in read if isinstance(read, Stack) else (read,):
            self._publish(batch)

    def _publish(self, batch: Batch) -> None:
        number = self._number.setdefault(batch.key, len(self._number))
        reads = self._reads[batch.key] = self._reads.get(batch.key, number) + 1
        held = self._held.setdefault(batch.key, [])
        held.append(batch.samples)
        if reads % self._every == 0:
            self._sinks[number % len(self._sinks)].publish(Batch(batch.key, joined(held)))
            held.clear()

    def watch(self) -> None:
        """Have each sink look after its connection."""
        for sink in self._sinks:
            sink.watch()


class Alone:
    """A fleet whose messages are made as each host makes its own: with no labels but those of its chips."""

    default_period_s = 1.0

    def __init__(self, source: Source) -> None:
        self._source = source

    def read(self, tick: Tick) -> Sequence[Batch]:
        """Return what is due at this tick."""
        return [Batch(one.key, compact(one.samples)) for one in self._source.read(tick)]

    def close(self) -> None:
        """Close the fleet."""
        self._source.close()


def joined(batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    """Return batches of one schema as one, with one dictionary a column."""
    if len(batches) == 1:
        return batches[0]
    table = pa.Table.from_batches(batches).unify_dictionaries().combine_chunks()
    return table.to_batches()[0]


@click.command()
@click.option("--to", required=True, help="Broker, HOST:PORT.")
@click.option("--chips", required=True, type=click.IntRange(1), help="Size of the fleet.")
@click.option("--batch", required=True, type=click.IntRange(1), help="Samples per message and read.")
@click.option("--connections", required=True, type=click.IntRange(1), help="Clients, each with its own connection.")
@click.option("--publish-every", default=1, type=click.IntRange(1), help="Seconds of samples in one message.")
def main(to: str, chips: int, batch: int, connections: int, publish_every: int) -> None:
    """Publish a simulated fleet over so many connections until SIGINT or SIGTERM."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    publishers = [_publisher(to, stop) for _ in range(connections)]
    dealer = Dealer(publishers, publish_every)
    source = Alone(Simulated(fleets.scaled(fleets.load(None), chips), batch=batch, cadence_s=1))
    Sampler(source, dealer.publish, period_s=1.0, stop=stop, watch=dealer.watch).run()
    for publisher in publishers:
        publisher.close(_DELIVERS_WITHIN_S)


def _publisher(to: str, stop: threading.Event) -> KafkaPublisher:
    connection = connect(to, SAMPLES, stop=stop, give_up_s=_CONNECTS_WITHIN_S)
    if connection is None:
        raise GigawattError("stopped before all connections were open")
    return KafkaPublisher(connection, SAMPLES)


if __name__ == "__main__":
    main()
