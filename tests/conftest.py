"""What tests of several folders share: the real engine and the real broker, once a session."""

from collections.abc import Iterator

import pytest
from clickhouse_connect.driver.client import Client
from hypothesis import settings

from tests import engine as engines
from tests.local.broker.conftest import kafka

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
