"""`python -m local.clickhouse --path DIR --port 8123`: the engine on a directory, served on loopback."""

import asyncio
import os
import sys
from pathlib import Path

import click

# The engine takes its time zone from here when it is imported, and every time in Gigawatt is UTC.
os.environ["TZ"] = "UTC"

from local.clickhouse.config import EngineConfig, users
from local.clickhouse.process import serve
from schema.errors import GigawattError
from schema.harmless import make_libraries_harmless
from schema.terminal import say


@click.command()
@click.option("--path", type=click.Path(path_type=Path, file_okay=False), required=True, help="Data directory.")
@click.option("--port", type=click.IntRange(0, 65535), default=8123, show_default=True)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--memory-mb", type=click.IntRange(min=512), help="Memory of the engine; half of the machine's.")
@click.option("--grace", type=float, default=5.0, show_default=True, help="Seconds for running requests at a stop.")
def main(path: Path, port: int, host: str, memory_mb: int | None, grace: float) -> None:
    """Serve the ClickHouse HTTP protocol with the chDB engine."""
    make_libraries_harmless()
    config = EngineConfig(memory_bytes=memory_mb * 1_000_000) if memory_mb else EngineConfig()
    try:
        asyncio.run(serve(path, host, port, config=config, user_table=users(), grace_s=grace))
    except GigawattError as error:
        say(error, err=True)  # the one line for the operator
        sys.exit(1)


main()
