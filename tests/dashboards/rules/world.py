"""Fleets that are played into the store second by second, as they would arrive: samples through the real processor.

Times are seconds since the world began. What is read at a moment is what was stored by then.
"""

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from dashboards.evaluate import Frame
from dashboards.preview import Query
from schema.encoding import encode
from schema.fleet import Budget
from schema.fleet_limits import DEFAULTS
from schema.samples import SCHEMA
from streams.blocks import Block, Commit, LogMessage, Span
from streams.process import Processor, Stored

CHIP_W = 500.0
CHIPS_A_HOST = 4
Times = np.ndarray
"""Seconds of the ends of samples."""


def always(value: float) -> Callable[[Times], Times]:
    return lambda t: np.full(len(t), value)


def steady(t: Times) -> Times:
    return np.full(len(t), 0.7)


def points(*pairs: tuple[float, float]) -> Callable[[Times], Times]:
    """Return a line through (second, value), flat before the first and after the last."""
    seconds, values = zip(*pairs, strict=True)
    return lambda t: np.interp(t, seconds, values)


def none(t: Times, chip: Times) -> Times:
    return np.zeros(np.broadcast_shapes(t.shape, chip.shape), bool)


def some(chips: int, since: float = 0, until: float = np.inf) -> Callable[[Times, Times], Times]:
    """Return which (second, chip) are among the first so many chips, from one second to another."""
    return lambda t, chip: (chip < chips) & (t >= since) & (t < until)


@dataclass(frozen=True)
class Pool:
    """Chips of a fleet. `load` is the power of a chip as a share of `CHIP_W`."""

    site: str
    fleet: str = "train"
    platform: str = "nvidia"
    model: str = "h100-sxm"
    method: str = "counter"
    chips: int = 20
    expected: int | None = None
    """In the budgets table; all of them unless said otherwise. A meter has none."""
    budget: float = 1.0
    """As a share of what all chips draw at full load."""
    limits: Mapping[str, float] = field(default_factory=dict)
    interval_s: int = 1
    spread: bool = False
    """Samples of the chips end one after the other over the interval, and not all at once."""
    delay_s: float = 1.4
    load: Callable[[Times], Times] = steady
    unlike: float = 0.0
    """The first half of the chips draws this much more than the mean, the other half less."""
    silent: Callable[[Times, Times], Times] = none
    doubled: Callable[[Times, Times], Times] = none
    idle: Callable[[Times, Times], Times] = none
    hot: Callable[[Times, Times], Times] = none

    @property
    def budget_w(self) -> float:
        return self.budget * self.chips * CHIP_W


@dataclass
class World:
    """All pools, and the store that they are played into."""

    client: Client
    start_ms: int
    pools: Sequence[Pool]
    stalls: Callable[[float], float] = lambda t: t
    """Until which second samples are stored at a second: all of them, unless storing stalls."""
    sent: Callable[[Times], Times] = lambda t: np.full(np.shape(t), True)
    """Whether anybody sends what ends at a second: all producers, or none."""
    _processor: Processor = field(default_factory=Processor)
    _offset: int = 0

    def budgets(self) -> list[Budget]:
        return [
            Budget(pool.site, pool.fleet, pool.platform, pool.budget_w, expected, {**DEFAULTS, **pool.limits})
            for pool in self.pools
            if (expected := pool.chips if pool.expected is None else pool.expected)
        ]

    def play(self, until_s: int, step_s: int = 10) -> Iterator[int]:
        """Store what arrives step by step; yield the epoch milliseconds after each."""
        stored_s = -1000.0
        for now_s in range(step_s, until_s + 1, step_s):
            through_s = self.stalls(now_s)
            if through_s > stored_s:
                self._store(stored_s, through_s, now_s)
                stored_s = through_s
            yield self.start_ms + now_s * 1000

    def _store(self, since_s: float, through_s: float, now_s: float) -> None:
        appended_ms = self.start_ms + int(through_s * 1000)
        messages = []
        for pool in self.pools:
            batch = self._batch(pool, since_s - pool.delay_s, through_s - pool.delay_s)
            if batch.num_rows:
                messages.append(LogMessage(0, self._offset + len(messages), appended_ms, encode(batch), None))
        if not messages:
            return
        block = Block(Span(0, self._offset, self._offset + len(messages) - 1), messages)
        self._offset += len(messages)
        stored = self._processor.process(Commit(f"to {now_s}", [block]))
        assert not stored.refusals, stored.refusals
        for name, table in (*(("power_sums", table) for table in stored.power), ("sample_batches", stored.raw)):
            insert(self.client, name, table)
        for name, table in (("chip_series", stored.series), ("chip_claims", stored.claims)):
            if table is not None:
                insert(self.client, name, table)
        insert_ledger(self.client, stored, self.start_ms + int(now_s * 1000))

    def _batch(self, pool: Pool, since_s: float, until_s: float) -> pa.RecordBatch:
        """Return the samples that end after one second and not after another: 0.3 s after a whole one."""
        period, since_s, until_s = pool.interval_s, max(since_s - 0.3, 0), until_s - 0.3
        chip = np.arange(pool.chips)[None, :]
        ticks = np.arange(np.floor(since_s / period), np.floor(until_s / period) + 1) * period
        t = ticks[:, None] + (chip * period // pool.chips if pool.spread else np.zeros_like(chip))
        due = (t > since_s) & (t <= until_s) & self.sent(t)
        told = [due & ~pool.silent(t, chip), due & pool.doubled(t, chip)]
        seconds = np.concatenate([t[mask] for mask in told])
        chips = np.concatenate([np.broadcast_to(chip, mask.shape)[mask] for mask in told])
        copies = np.concatenate([np.full(mask.sum(), index) for index, mask in enumerate(told)])
        share = pool.load(seconds) + np.where(chips < pool.chips / 2, pool.unlike, -pool.unlike)
        idle = pool.idle(seconds, chips)
        meter = pool.model == "host-meter"
        columns = {
            "ts": pa.array(self.start_ms + (seconds * 1000).astype(np.int64) + 300).cast(pa.timestamp("ms", "UTC")),
            "interval_ms": np.full(len(chips), period * 1000),
            **{name: [getattr(pool, name)] * len(chips) for name in ("site", "fleet", "platform", "model")},
            "host": [f"{pool.fleet}-{c // CHIPS_A_HOST}{'-twin' * k}" for c, k in zip(chips, copies, strict=True)],
            "chip": [f"meter/{c}" if meter else f"{pool.fleet}/{c}" for c in chips],
            "power_w": np.where(idle, 0.2, share) * CHIP_W,
            "power_method": [pool.method] * len(chips),
            "utilization": np.where(idle, 0.01, 0.9),
            "throttle": np.where(pool.hot(seconds, chips), 2, 0),
        }
        arrays = [
            pa.array(columns[field.name], pa.utf8()).dictionary_encode()
            if pa.types.is_dictionary(field.type) and field.name in columns
            else pa.array(columns[field.name]).cast(field.type)
            if field.name in columns
            else pa.nulls(len(chips), field.type)
            for field in SCHEMA
        ]
        return pa.RecordBatch.from_arrays(arrays, names=SCHEMA.names)


def asks(client: Client) -> Query:
    """Return a query of the client, as a preview takes it. One that fails ends the test: a rule would keep quiet.

    Worlds are small, and tests of them run side by side: more than one thread a query would only wait for the others.
    """

    def query(sql: str) -> Frame:
        try:
            answer = client.query(sql, settings={"max_threads": 1})
        except ClickHouseError as error:
            pytest.fail(str(error))  # no `Exception`, which a preview takes for a state of the rule
        return Frame(answer.column_names, answer.result_rows)

    return query


def insert(client: Client, table: str, rows: pa.Table) -> None:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows.combine_chunks())
    client.raw_insert(table, column_names=rows.column_names, insert_block=sink.getvalue(), fmt="ArrowStream")


def insert_ledger(client: Client, stored: Stored, stored_ms: int) -> None:
    """Store a commit's ledger rows as of a moment of the world."""
    insert_rows(
        client,
        "ingest_blocks",
        [
            block(
                stored_ms,
                (totals.block.span.offset_from, totals.block.span.offset_to),
                newest_ms=totals.newest_ts_ms,
                samples=totals.samples,
            )
            for totals in stored.totals
        ],
    )


def insert_rows(client: Client, table: str, rows: Sequence[Mapping[str, object]]) -> None:
    if rows:
        client.insert(table, [list(row.values()) for row in rows], column_names=list(rows[0]))


def block(
    stored_ms: int,
    offsets: tuple[int, int],
    *,
    newest_ms: int | None = None,
    partition: int = 0,
    samples: int = 100,
    rejected: int = 0,
    messages: int = 100,
    lost: int = 0,
    log: str = "log",
) -> dict[str, object]:
    """Return a row of the ledger."""
    stored_at = datetime.fromtimestamp(stored_ms / 1000, UTC)
    newest = stored_at if newest_ms is None else datetime.fromtimestamp(newest_ms / 1000, UTC)
    return {
        "topic": "chip.samples",
        "kafka_partition": partition,
        "offset_from": offsets[0],
        "offset_to": offsets[1],
        "samples": samples,
        "rejected": rejected,
        "messages": messages,
        "lost": lost,
        "energy_j": 0.0,
        "stored_at": stored_at,
        "worker": "w",
        "log": log,
        "commit_id": "c",
        "newest_ts": newest,
        "appended_from": stored_at,
        "appended_to": stored_at,
    }
