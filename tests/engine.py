"""The real ClickHouse engine behind its HTTP protocol, in a process of its own."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from clickhouse_connect.driver.client import Client

from schema.clickhouse import DATABASE, connect
from schema.migrate import upgrade

OLDEST = Path(sys.prefix) / "oldest-engine"
"""Where `make test` keeps the engine of ClickHouse 25.8, which stands before the newest on the path."""

_TABLES = f"""
SELECT name, toString(uuid), create_table_query, ifNull(total_rows, 0) FROM system.tables WHERE database = '{DATABASE}'
"""


class Table(NamedTuple):
    """A table or view as the database has it; one that is made anew has another `uuid`."""

    uuid: str
    made_by: str
    rows: int


def tables(client: Client) -> dict[str, Table]:
    """Return all tables and views of our database by name."""
    return {name: Table(*rest) for name, *rest in client.query(_TABLES).result_rows}


@dataclass
class Engine:
    """A running engine."""

    url: str
    process: subprocess.Popen[str]
    made: dict[str, Table] | None = None
    """What the migrations made."""

    def empty_client(self) -> Client:
        """Return a client of an engine that has no Gigawatt database (any more)."""
        client = connect(self.url, database=None)
        client.command(f"DROP DATABASE IF EXISTS {DATABASE}")
        return client

    def migrated_client(self) -> Client:
        """Return a client of an empty, current database.

        It is emptied where it still is what the migrations made, which takes a tenth of the time, and else made anew.
        """
        client = connect(self.url, database=None)
        if not self.made or not _still(self.made, tables(client)):
            client.close()
            client = self.empty_client()
            upgrade(client)
            self.made = tables(client)
        client.database = DATABASE
        for name, table in tables(client).items():
            if table.rows and not self.made[name].rows:
                client.command(f"TRUNCATE TABLE {name}")
        return client


def _still(made: dict[str, Table], found: dict[str, Table]) -> bool:
    """Say whether tables and views are those that were made, with the rows that the migrations gave them."""
    return made.keys() == found.keys() and all(
        found[name] == table if table.rows else found[name][:2] == table[:2] for name, table in made.items()
    )


def environment(*, oldest: bool) -> dict[str, str]:
    """Return the environment in which an engine is the newest, or that of ClickHouse 25.8."""
    paths = filter(None, (str(OLDEST), os.environ.get("PYTHONPATH")))
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths)} if oldest else dict(os.environ)


def start(path: Path, port: int = 0, *, oldest: bool = False) -> Engine:
    """Start an engine on a directory and a port; 0 is a free one."""
    process = subprocess.Popen(
        [sys.executable, "-m", "local.clickhouse", "--path", str(path), "--port", str(port)],
        stderr=subprocess.PIPE,
        text=True,
        env=environment(oldest=oldest),
    )
    assert process.stderr is not None
    line = process.stderr.readline()
    assert line.startswith("clickhouse ready on "), line
    return Engine(f"http://{line.split()[-1]}", process)


def stop(engine: Engine) -> None:
    """Stop it and wait until it is gone."""
    engine.process.terminate()
    engine.process.wait(60)
    if engine.process.stderr:
        engine.process.stderr.close()
