"""Commits into ClickHouse, each exactly once.

Three things make it so. Which blocks a commit has is agreed before anything of it is stored: cuts are inserted into
`block_cuts`, the first one inserted under a block's name counts, and everyone reads what stands there. Every insert of
a commit carries a token made of its name and the table, so that a retry, a zombie or a second worker adds nothing. And
the ledger comes last, in one insert for all blocks of the commit: a worker starts after the highest stored offset of
the ledger, and where a cut stands there already it does that whole commit again, with the same messages and tokens.
"""

import io
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import pyarrow as pa
from clickhouse_connect.driver.client import Client

from streams.admission import Fleet
from streams.blocks import Commit, Span
from streams.decoded import Refusal, Unwritten
from streams.process import Stored
from streams.rosters import Group

_INSERT_SETTINGS: Final = {
    "async_insert": 0,  # an acknowledged insert is a stored one
    "insert_deduplicate": 1,
    "input_format_parallel_parsing": 0,
}
_INSTANT: Final = pa.timestamp("ms", "UTC")


class Cut(NamedTuple):
    """What was agreed of a block: where it ends, and which commit stores it."""

    span: Span
    commit_id: str


class Store:
    """Where commits of one log are stored. May be used by several threads: each has its own client."""

    def __init__(self, connect: Callable[[], Client], *, topic: str, log: str, worker: str) -> None:
        self._connect = connect
        self._topic = topic
        self._log = log
        self._worker = worker
        self._local = threading.local()

    def stored_offsets(self) -> dict[int, int]:
        """Return the highest stored offset of each partition; the one before its first cut where nothing is stored."""
        rows = self._query(
            "SELECT kafka_partition, toInt64(max(offset_to)) FROM ingest_blocks"
            " WHERE log = %(log)s AND topic = %(topic)s GROUP BY kafka_partition"
            " UNION ALL SELECT kafka_partition, toInt64(min(offset_from)) - 1 FROM block_cuts"
            " WHERE log = %(log)s AND topic = %(topic)s AND kafka_partition NOT IN"
            " (SELECT kafka_partition FROM ingest_blocks WHERE log = %(log)s AND topic = %(topic)s)"
            " GROUP BY kafka_partition"
        )
        return {int(partition): int(offset) for partition, offset in rows}

    def agreed(self, names: Iterable[tuple[int, int]]) -> dict[tuple[int, int], Cut]:
        """Return what stands for the blocks of these names (partition and first offset), where anything does."""
        wanted = sorted(names)
        if not wanted:
            return {}
        rows = self._query(
            "SELECT kafka_partition, offset_from, argMin((offset_to, commit_id), _block_number) FROM block_cuts"
            " WHERE log = %(log)s AND kafka_partition IN %(partitions)s AND offset_from IN %(offsets)s"
            " GROUP BY kafka_partition, offset_from",
            partitions=tuple({partition for partition, _ in wanted}),
            offsets=tuple({offset for _, offset in wanted}),
        )
        cuts = {
            (int(partition), int(first)): Cut(Span(int(partition), int(first), int(last)), str(commit_id))
            for partition, first, (last, commit_id) in rows
        }
        return {name: cuts[name] for name in wanted if name in cuts}

    def agree(self, commit: Commit) -> dict[tuple[int, int], Cut]:
        """Propose the cuts of a commit and return those that stand: these, or whoever was first."""
        spans = [block.span for block in commit.blocks]
        cuts = {
            "log": self._log,
            "topic": self._topic,
            "commit_id": commit.commit_id,
            "worker": self._worker,
            "cut_at": datetime.now(UTC),
        }
        self._insert("block_cuts", _rows([{**_span(span), **cuts} for span in spans]), commit.commit_id)
        return self.agreed((span.partition, span.offset_from) for span in spans)

    def members(self, commit_id: str) -> list[Span]:
        """Return the blocks that a commit has, by what was agreed, in order."""
        rows = self._query(
            "SELECT DISTINCT kafka_partition, offset_from FROM block_cuts"
            " WHERE log = %(log)s AND commit_id = %(commit_id)s",
            commit_id=commit_id,
        )
        cuts = self.agreed((int(partition), int(first)) for partition, first in rows)
        return [cut.span for _, cut in sorted(cuts.items()) if cut.commit_id == commit_id]

    def store(self, stored: Stored) -> None:
        """Store all of a commit, its ledger rows last. May be called again after any failure."""
        commit_id = stored.commit.commit_id
        for part, rows in enumerate(stored.power):
            self._insert("power_sums", rows, commit_id, part)
        for table, rows in (
            ("sample_batches", stored.raw),
            ("chip_series", stored.series),
            ("chip_claims", stored.claims),
            ("rejected_rows", self._rejected(stored)),
            ("dead_letter_failures", self._failures(stored.unwritten, written=False)),
        ):
            if rows is not None and rows.num_rows:
                self._insert(table, rows, commit_id)
        self._insert("ingest_blocks", self._ledger(stored), commit_id)

    def admitted(self) -> dict[Group, int]:
        """Return what was ever admitted, each with its place in the order of rulings."""
        rows = self._query(
            "SELECT site, fleet, platform, model, min(_block_number) FROM label_rulings WHERE site != ''"
            " GROUP BY site, fleet, platform, model"
        )
        return {Group(*labels): int(place) for *labels, place in rows}

    def ruling(self, commit_id: str) -> int | None:
        """Return the place of a commit's first ruling, None where it has none."""
        ((rows, place),) = self._query(
            "SELECT count(), min(_block_number) FROM label_rulings WHERE commit_id = %(commit_id)s", commit_id=commit_id
        )
        return int(place) if rows else None

    def rule(self, commit_id: str, groups: Mapping[Group, bool]) -> int:
        """Propose to admit groups (True for those that count) and return the place of the ruling that stands."""
        # One that admits nobody is a row without labels.
        named = groups or {Group("", "", "", ""): False}
        now = {"commit_id": commit_id, "ruled_at": datetime.now(UTC)}
        rows = [{**group._asdict(), "counts": int(counts), **now} for group, counts in named.items()]
        self._insert("label_rulings", _rows(rows), commit_id)
        place = self.ruling(commit_id)
        if place is None:
            raise RuntimeError("a ruling was inserted but cannot be read back")
        return place

    def declared(self) -> set[Fleet]:
        """Return site and fleet of whatever is in the operator's fleet file."""
        return {(str(site), str(fleet)) for site, fleet in self._query("SELECT DISTINCT site, fleet FROM budgets")}

    def lately(self) -> int:
        """Return how many groups that count were admitted in the last hour."""
        ((groups,),) = self._query(
            "SELECT uniqExact(site, fleet, platform, model) FROM label_rulings"
            " WHERE counts AND ruled_at > now64(3) - INTERVAL 1 HOUR"
        )
        return int(groups)

    def written(self, refusals: Sequence[Refusal]) -> None:
        """Note that dead letters were written after all."""
        rows = self._failures([Unwritten(refusal, "") for refusal in refusals], written=True)
        if rows is not None:
            self._insert("dead_letter_failures", rows, str(uuid.uuid4()))

    def _failures(self, letters: Sequence[Unwritten], *, written: bool) -> pa.Table | None:
        if not letters:
            return None
        now = datetime.now(UTC)
        return _rows(
            [
                {
                    "noted_at": now,
                    "log": self._log,
                    "kafka_partition": letter.refusal.partition,
                    "kafka_offset": letter.refusal.offset,
                    "reason": letter.refusal.reason,
                    "rows": letter.refusal.rows,
                    "why": letter.why,
                    "written": int(written),
                }
                for letter in letters
            ]
        )

    def _rejected(self, stored: Stored) -> pa.Table | None:
        if not stored.refusals:
            return None
        return _rows(
            [
                {
                    "time": _instant(refusal.appended_ms),
                    "reason": refusal.reason,
                    "rows": refusal.rows,
                    "kafka_partition": refusal.partition,
                    "kafka_offset": refusal.offset,
                    "detail": refusal.detail,
                    "log": self._log,
                }
                for refusal in stored.refusals
            ]
        )

    def _ledger(self, stored: Stored) -> pa.Table:
        now = datetime.now(UTC)
        return _rows(
            [
                {
                    "topic": self._topic,
                    "lost": totals.block.lost,
                    **_span(totals.block.span),
                    "samples": totals.samples,
                    "rejected": totals.rejected,
                    "energy_j": totals.energy_j,
                    "stored_at": now,
                    "worker": self._worker,
                    "log": self._log,
                    "commit_id": stored.commit.commit_id,
                    "messages": len(totals.block.messages),
                    "wire_bytes": totals.block.nbytes,
                    "late_samples": totals.late_samples,
                    "newest_ts": _instant(totals.newest_ts_ms),
                    # A block of which all is lost has no such times.
                    "appended_from": _instant(messages[0].appended_ms) if (messages := totals.block.messages) else now,
                    "appended_to": _instant(messages[-1].appended_ms) if messages else now,
                }
                for totals in stored.totals
            ]
        )

    def _insert(self, table: str, rows: pa.Table, commit_id: str, part: int = 0) -> None:
        token = f"{self._topic}:{self._log}:{commit_id}:{table}" + (f":{part}" if part else "")
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
        # Asked for every commit, and for few rows: more threads than one would cost more than they read.
        values = {"log": self._log, "topic": self._topic, **parameters}
        return list(self._client().query(sql, parameters=values, settings={"max_threads": 1}).result_rows)

    def _client(self) -> Client:
        client: Client | None = getattr(self._local, "client", None)
        if client is None:
            client = self._local.client = self._connect()
        return client


def _span(span: Span) -> dict[str, int]:
    return {"kafka_partition": span.partition, "offset_from": span.offset_from, "offset_to": span.offset_to}


def _instant(epoch_ms: int | None) -> datetime | None:
    return None if epoch_ms is None else datetime.fromtimestamp(epoch_ms / 1000, UTC)


_TIMES: Final = {"time", "ruled_at", "noted_at", "cut_at", "stored_at", "newest_ts", "appended_from", "appended_to"}


def _rows(rows: Sequence[dict[str, Any]]) -> pa.Table:
    table = pa.Table.from_pylist(list(rows))
    for name in _TIMES.intersection(table.column_names):
        cast = table[name].cast(_INSTANT, safe=False)
        table = table.set_column(table.column_names.index(name), name, cast)
    return table
