"""Blocks into ClickHouse, each exactly once.

Three things make it so. A block's end is agreed before anything of it is stored: the first insert into `block_cuts`
under a block's name wins by its deduplication token, and everyone then reads what stands there. Every insert of a
block carries a token made of the block's name and the table, so that a retry, a zombie or a second worker adds
nothing. And the ledger row comes last: a worker starts after the highest stored
offset of the ledger, so an unfinished block is done again, with the same cut and the same tokens.
"""

import io
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import pyarrow as pa
from clickhouse_connect.driver.client import Client

from streams.blocks import Block
from streams.process import Stored

_INSERT_SETTINGS: Final = {
    "async_insert": 0,  # an acknowledged insert is a stored one
    "insert_deduplicate": 1,
    "input_format_parallel_parsing": 0,
}
_INSTANT: Final = pa.timestamp("ms", "UTC")


class Store:
    """Where blocks of one log are stored. May be used by several threads: each has its own client."""

    def __init__(self, connect: Callable[[], Client], *, topic: str, log: str, worker: str) -> None:
        self._connect = connect
        self._topic = topic
        self._log = log
        self._worker = worker
        self._local = threading.local()

    def stored_offset(self, partition: int) -> int | None:
        """Return the highest offset of a partition that is stored, or None when nothing of it is."""
        rows = self._query(
            "SELECT max(offset_to), count() FROM ingest_blocks"
            " WHERE log = %(log)s AND topic = %(topic)s AND kafka_partition = %(partition)s",
            partition=partition,
        )
        highest, count = rows[0]
        return int(highest) if count else None

    def agreed_cut(self, partition: int, offset_from: int) -> int | None:
        """Return where the block of this name ends, if any worker has said so; None otherwise."""
        rows = self._query(
            "SELECT min(offset_to), count() FROM block_cuts"
            " WHERE log = %(log)s AND kafka_partition = %(partition)s AND offset_from = %(offset_from)s",
            partition=partition,
            offset_from=offset_from,
        )
        offset_to, count = rows[0]
        return int(offset_to) if count else None

    def agree_cut(self, block: Block) -> int:
        """Propose the block's end and return the one that stands: this, or that of whoever was first."""
        self._insert(
            "block_cuts",
            _row(
                log=self._log,
                topic=self._topic,
                kafka_partition=block.partition,
                offset_from=block.offset_from,
                offset_to=block.offset_to,
                worker=self._worker,
                cut_at=datetime.now(UTC),
            ),
            block,
        )
        agreed = self.agreed_cut(block.partition, block.offset_from)
        if agreed is None:
            raise RuntimeError(f"no cut stands for offset {block.offset_from} of partition {block.partition}")
        return agreed

    def store(self, stored: Stored) -> None:
        """Store all of a block, its ledger row last. May be called again after any failure."""
        block = stored.block
        for table, rows in (
            ("power_sums", stored.power),
            ("sample_batches", stored.raw),
            ("chip_series", stored.series),
            ("rejected_rows", self._rejected(stored)),
        ):
            if rows is not None and rows.num_rows:
                self._insert(table, rows, block)
        self._insert("ingest_blocks", self._ledger_row(stored), block)

    def _rejected(self, stored: Stored) -> pa.Table | None:
        if not stored.refusals:
            return None
        refusals = stored.refusals
        return pa.table(
            {
                "time": pa.array([refusal.appended_ms for refusal in refusals]).cast(_INSTANT),
                "reason": pa.array([refusal.reason for refusal in refusals]),
                "rows": pa.array([refusal.rows for refusal in refusals], pa.uint64()),
                "kafka_partition": pa.array([stored.block.partition] * len(refusals), pa.uint16()),
                "kafka_offset": pa.array([refusal.offset for refusal in refusals], pa.uint64()),
                "detail": pa.array([refusal.detail for refusal in refusals]),
                "log": pa.array([self._log] * len(refusals)),
            }
        )

    def _ledger_row(self, stored: Stored) -> pa.Table:
        block = stored.block
        return _row(
            topic=self._topic,
            kafka_partition=block.partition,
            offset_from=block.offset_from,
            offset_to=block.offset_to,
            samples=stored.samples,
            rejected=stored.rejected,
            energy_j=stored.energy_j,
            stored_at=datetime.now(UTC),
            worker=self._worker,
            log=self._log,
            messages=len(block.messages),
            wire_bytes=sum(message.nbytes for message in block.messages),
            late_samples=stored.late_samples,
            newest_ts=_instant(stored.newest_ts_ms),
            appended_from=_instant(block.messages[0].appended_ms),
            appended_to=_instant(block.messages[-1].appended_ms),
        )

    def _insert(self, table: str, rows: pa.Table, block: Block) -> None:
        token = f"{self._topic}:{self._log}:{block.partition}:{block.offset_from}:{table}"
        sink = io.BytesIO()
        with pa.ipc.new_stream(sink, rows.schema) as writer:
            writer.write_table(rows.combine_chunks())
        self._client().raw_insert(
            table,
            column_names=rows.column_names,
            insert_block=sink.getvalue(),
            settings={**_INSERT_SETTINGS, "insert_deduplication_token": token},
            fmt="ArrowStream",
        )

    def _query(self, sql: str, **parameters: Any) -> list[Any]:
        # Asked for every block, and for one row: more threads than one would cost more than they read.
        values = {"log": self._log, "topic": self._topic, **parameters}
        return list(self._client().query(sql, parameters=values, settings={"max_threads": 1}).result_rows)

    def _client(self) -> Client:
        client: Client | None = getattr(self._local, "client", None)
        if client is None:
            client = self._local.client = self._connect()
        return client


def _instant(epoch_ms: int | None) -> datetime | None:
    return None if epoch_ms is None else datetime.fromtimestamp(epoch_ms / 1000, UTC)


def _row(**values: Any) -> pa.Table:
    table = pa.Table.from_pylist([values])
    times = [name for name, value in values.items() if isinstance(value, datetime) or name.endswith("_ts")]
    for name in times:
        table = table.set_column(table.column_names.index(name), name, table[name].cast(_INSTANT, safe=False))
    return table
