"""A Faust app as its tutorials have it: `python -m bench.peers.usual_app --kafka HOST:PORT --clickhouse URL`.

One JSON event a chip, a windowed table of watts by fleet, and rows inserted into ClickHouse a thousand at a time. It is
what Gigawatt is compared with, and no part of it: a table like this forgets, and counts twice after a crash.
"""

import asyncio
import io
import tempfile
from datetime import UTC, datetime
from typing import Any, Final

import click
import faust
from faust.types import StreamT

from bench.peers.usual_rows import PARTITIONS, ROWS, TOPIC, VALUES
from schema.clickhouse import connect

_INSERTED: Final = 1_000
_WINDOW_S: Final = 1.0
_EXPIRES_S: Final = 60.0


class ChipEvent(faust.Record, serializer="json"):  # type: ignore[misc, call-arg]  # Faust has no types
    """One sample of one chip."""

    ts: float
    site: str
    fleet: str
    platform: str
    model: str
    host: str
    chip: str
    power_method: str
    power_w: float | None = None
    power_error_w: float | None = None
    utilization: float | None = None
    tensor_utilization: float | None = None
    memory_used_bytes: float | None = None
    memory_total_bytes: float | None = None
    temperature_c: float | None = None
    throttle: float | None = None


@click.command()
@click.option("--kafka", required=True, help="The broker, HOST:PORT.")
@click.option("--clickhouse", required=True, help="ClickHouse, as a URL.")
def main(kafka: str, clickhouse: str) -> None:
    """Run the app until SIGTERM."""
    with tempfile.TemporaryDirectory(prefix="gigawatt-bench-") as folder:
        app = faust.App(
            "usual", broker=f"kafka://{kafka}", store="memory://", datadir=folder, autodiscover=False,
            web_enabled=False, topic_partitions=PARTITIONS, topic_replication_factor=1,
            consumer_auto_offset_reset="earliest",
        )  # fmt: skip
        _agent(app, clickhouse)
        faust.Worker(app, loglevel="WARN", quiet=True, stdout=io.StringIO()).execute_from_commandline()


def _agent(app: faust.App, clickhouse: str) -> None:
    events = app.topic(TOPIC, value_type=ChipEvent, key_type=str, key_serializer="raw")
    watts = (
        app.Table("watts", default=float, partitions=PARTITIONS)
        .tumbling(_WINDOW_S, expires=_EXPIRES_S)
        .relative_to_field(ChipEvent.ts)
    )
    client = connect(clickhouse, database="usual")
    columns = [*ROWS, *VALUES]

    async def store(stream: StreamT[Any]) -> None:
        rows: list[list[Any]] = []
        async for event in stream:
            watts[f"{event.site}/{event.fleet}/{event.platform}"] += event.power_w or 0.0
            at = datetime.fromtimestamp(event.ts, UTC)
            rows.append([at, *(getattr(event, name) for name in columns[1:])])
            if len(rows) >= _INSERTED:
                await asyncio.to_thread(client.insert, "chip_rows", rows, column_names=columns)
                rows = []

    app.agent(events)(store)


if __name__ == "__main__":
    main()
