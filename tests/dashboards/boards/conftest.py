"""One database for each file of tests, emptied before each test: migrating anew takes longer than most tests."""

from collections.abc import Iterator

import pytest
from clickhouse_connect.driver.client import Client

from tests.engine import Engine

_TABLES = """
SELECT name FROM system.tables
WHERE database = 'gigawatt' AND engine LIKE '%MergeTree' AND name NOT LIKE '%migration%'
"""


@pytest.fixture(scope="module")
def migrated(engine: Engine) -> Iterator[Client]:
    """Give a client of a current database."""
    client = engine.migrated_client()
    yield client
    client.close()


@pytest.fixture
def client(migrated: Client) -> Client:
    """Give a client of an empty, current database."""
    for (name,) in migrated.query(_TABLES).result_rows:
        migrated.command(f"TRUNCATE TABLE {name}")
    return migrated
