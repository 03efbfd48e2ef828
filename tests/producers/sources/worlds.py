"""For each source a stand-in for the outside world that it reads, in which it has something to say.

A new source adds a function here, named as its file: a context manager that takes a directory of its own
and gives the open source.
"""

from contextlib import contextmanager

import pyarrow as pa

from producers.source import Where
from producers.sources import dcgm as dcgm_source
from producers.sources import replay as replay_source
from producers.sources import simulated as simulated_source
from tests.batches import batch
from tests.producers.dcgm_page import page
from tests.producers.exporter import Exporter, serving

START_MS = 1_790_000_000_000


@contextmanager
def dcgm(_directory):
    """Serve an exporter that refreshes at every scrape."""
    exporter = Exporter()

    def respond(handler):
        exporter.body = page(power=301, energy_mj=10**6 + 300_000 * exporter.requests, gpus=8, util=50)
        exporter.page(handler)

    exporter.respond = respond
    with serving(exporter):
        yield dcgm_source.open_source(Where(), urls=[exporter.url], timeout_s=5)


@contextmanager
def replay(directory):
    """Record three hosts over ten seconds."""
    recorded = batch(
        ts=[START_MS + 1000 * second for second in range(10) for _ in range(3)],
        host=[f"host-{number}" for _ in range(10) for number in range(3)],
        chip=[f"host-{number}/0" for _ in range(10) for number in range(3)],
    )
    path = directory / "recording.arrow"
    with pa.ipc.new_file(path, recorded.schema) as writer:
        writer.write_batch(recorded)
    yield replay_source.open_source(Where(), files=[path], speed=1, at_once=False, shift_to_now=True)


@contextmanager
def simulated(_directory):
    """Play a small fleet of every platform."""
    yield simulated_source.open_source(Where(), chips=200, silent=0)
