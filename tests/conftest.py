"""What tests of several folders share: the real engine and the real broker, once a session."""

from collections.abc import Iterator

import pytest
from clickhouse_connect.driver.client import Client
from hypothesis import settings
from kafka import KafkaAdminClient

from local.broker import Broker
from schema.kafka import KafkaAdmin
from tests import engine as engines
from tests.local.broker.conftest import kafka
from tests.stack import Stack

# Machines that run tests are shared: how long one example takes says nothing.
settings.register_profile("gigawatt", deadline=None)
settings.load_profile("gigawatt")

__all__ = ["client", "engine", "kafka"]


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


@pytest.fixture
def stack(kafka: Broker, engine: engines.Engine) -> Iterator[Stack]:
    """Give a broker whose topics are empty and an engine whose database is, with no worker yet."""
    bootstrap = f"127.0.0.1:{kafka.port}"
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    if topics := [name for name in admin.list_topics() if not name.startswith("__")]:
        admin.delete_topics(topics)
    admin.close()
    with KafkaAdmin(bootstrap) as topics_of_ours:
        topics_of_ours.ensure(12)
    made = Stack(bootstrap, engine.url, engine.migrated_client())
    yield made
    made.stop()
