"""What tests of several folders share: the real engine and the real broker, once a session."""

import itertools
import time
from collections.abc import Callable, Iterator

import pyarrow as pa
import pytest
from clickhouse_connect.driver.client import Client
from hypothesis import HealthCheck, settings

from local.broker import Broker
from schema import encoding
from schema.clickhouse import connect
from schema.kafka import KafkaAdmin
from streams.blocks import Block, Commit, LogMessage, Span
from streams.process import Processor
from streams.store import Store
from tests import engine as engines
from tests.local.broker.conftest import kafka
from tests.order import pytest_collection_modifyitems, pytest_configure, pytest_xdist_make_scheduler
from tests.stack import Stack, emptied

# Machines that run tests are shared: how long one example takes says nothing, nor how long it takes to make one.
settings.register_profile("gigawatt", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("gigawatt")

__all__ = [
    "client",
    "engine",
    "kafka",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_xdist_make_scheduler",
]


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[engines.Engine]:
    """Run a ClickHouse engine; tests that write begin with `migrated_client` or `empty_client`."""
    started = engines.start(tmp_path_factory.mktemp("clickhouse"))
    yield started
    engines.stop(started)


@pytest.fixture
def client(engine: engines.Engine) -> Iterator[Client]:
    """Give a client of an empty, current database."""
    client = engine.migrated_client()
    yield client
    client.close()


def live_ms(rows: pa.RecordBatch) -> int:
    """Return when the broker has a batch of a live fleet, in epoch milliseconds."""
    newest_ms = max(int(ts.timestamp() * 1000) for ts in rows.column("ts").to_pylist())
    return min(newest_ms + 2_000, int(time.time() * 1000))


@pytest.fixture
def stored(engine: engines.Engine, client: Client) -> Callable[..., None]:  # noqa: ARG001  it empties the database
    """Store batches as the worker does, each call as one commit; `appended_ms` is the broker's time.

    By default that is two seconds after the newest sample of each, as of a live fleet.

    Raw samples are kept for three days only: take times that are not long ago.
    """
    store = Store(lambda: connect(engine.url), topic="chip.samples", log="log", worker="worker")
    offsets = itertools.count()

    def put(*batches: pa.RecordBatch, appended_ms: int | None = None) -> None:
        first = next(offsets) * 10_000
        messages = [
            LogMessage(0, first + number, appended_ms or live_ms(one), encoding.encode(one), None)
            for number, one in enumerate(batches)
        ]
        block = Block(Span(0, first, first + len(messages) - 1), messages)
        done = Processor().process(Commit(f"commit-{first}", [block]))
        assert sum(totals.rejected for totals in done.totals) == 0
        store.store(done)

    return put


@pytest.fixture
def stack(kafka: Broker, engine: engines.Engine) -> Iterator[Stack]:
    """Give a broker whose topics are empty and an engine whose database is, with no worker yet."""
    bootstrap = f"127.0.0.1:{kafka.port}"
    emptied(bootstrap)
    with KafkaAdmin(bootstrap) as topics_of_ours:
        topics_of_ours.ensure(12)
    made = Stack(bootstrap, engine.url, engine.migrated_client())
    yield made
    made.stop()
