"""The real ClickHouse engine behind its HTTP protocol, in a process of its own."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from clickhouse_connect.driver.client import Client

from schema.clickhouse import DATABASE, connect
from schema.migrate import load, migrate

OLDEST = Path(sys.prefix) / "oldest-engine"
"""Where `make test` keeps the engine of ClickHouse 25.8, which stands before the newest on the path."""

_MADE = f"""
SELECT name, toString(uuid), create_table_query, if(name = 'schema_migrations', total_rows, 0) FROM system.tables
WHERE database = '{DATABASE}' ORDER BY name
"""
"""Every table and view with its number, of which one that is made anew has another."""
_FILLED = f"""
SELECT DISTINCT table FROM system.parts WHERE database = '{DATABASE}' AND active AND table != 'schema_migrations'
"""


@dataclass
class Engine:
    """A running engine."""

    url: str
    process: subprocess.Popen[str]
    made: object = None
    """What the migrations made of the database, as `_MADE` finds it."""

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
        if self.made is None or client.query(_MADE).result_rows != self.made:
            client.close()
            client = self.empty_client()
            migrate(client, load())
            self.made = client.query(_MADE).result_rows
        client.database = DATABASE
        for (table,) in client.query(_FILLED).result_rows:
            client.command(f"TRUNCATE TABLE {table}")
        return client


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
