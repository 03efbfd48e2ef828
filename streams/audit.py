"""Proof of the invariants on a running stack, from what is stored and what the log still holds.

The log is read back and added up here by other means than the worker's: sample by sample from the decoded columns,
without rectangles, seconds, blocks or rosters.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pyarrow as pa
from clickhouse_connect.driver.client import Client

from schema import checks, encoding, spread, wire
from schema.readback import LogRecord
from schema.samples import Rows, Samples
from schema.topics import LOST, MADE_ANEW

RELATIVE: Final = 1e-9
Labels = tuple[str, ...]


@dataclass(frozen=True)
class LedgerBlock:
    """One stored block of the ledger."""

    partition: int
    offset_from: int
    offset_to: int
    samples: int
    rejected: int
    energy_j: float
    commit_id: str = ""
    lost: int = 0


@dataclass(frozen=True)
class Rulings:
    """Which labels were admitted, in which order, and up to where they count in a commit that was ruled on."""

    admitted: Mapping[Labels, int] = field(default_factory=dict)
    of_commit: Mapping[str, int] = field(default_factory=dict)

    def refused(self, commit_id: str) -> Callable[[Labels], bool] | None:
        """Return what says of labels whether a commit was denied them; None where it was denied none."""
        place = self.of_commit.get(commit_id)
        return None if place is None else lambda labels: self.admitted.get(labels, place + 1) > place


@dataclass(frozen=True)
class Finding:
    """One thing that was checked: what was found, and whether it holds."""

    holds: bool
    what: str
    detail: str


@dataclass
class Held:
    """What a run of messages in the log holds."""

    samples: int = 0
    rejected: int = 0
    energies_j: list[float] = field(default_factory=list)

    def add(self, record: LogRecord, refused: Callable[[Labels], bool] | None) -> None:
        """Count one message."""
        samples, rejected, energy_j = judge(record, refused)
        self.samples += samples
        self.rejected += rejected
        self.energies_j.append(energy_j)

    @property
    def energy_j(self) -> float:
        """Energy of the accepted samples."""
        return math.fsum(self.energies_j)


def judge(record: LogRecord, refused: Callable[[Labels], bool] | None = None) -> tuple[int, int, float]:
    """Return accepted samples, refused rows and energy_j of one message, by power_w x interval_ms / 1000.

    `refused` says which labels its commit was denied.
    """
    content_type = record.headers.get(encoding.CONTENT_TYPE_HEADER)
    try:
        batch = wire.decode(record.value, content_type.decode("utf-8", "replace") if content_type else None)
    except wire.UndecodableError:
        return 0, 1, 0.0
    samples = wire.columns([batch])
    accepted = checks.refusals(samples, record.appended_ms) == checks.ACCEPTED
    if refused is not None:
        accepted[accepted] = [not refused(labels) for labels in _grouping(samples, np.flatnonzero(accepted))]
    counts = accepted & samples.given["power_w"]
    joules = samples.measures["power_w"][counts].astype(np.float64) * samples.interval_ms[counts] / 1000
    return int(accepted.sum()), int((~accepted).sum()), math.fsum(joules.tolist())


def _grouping(samples: Samples, rows: Rows) -> Iterator[Labels]:
    labels = [samples.labels[name] for name in spread.GROUPING]
    return zip(*(label.values.take(pa.array(label.codes[rows])).to_pylist() for label in labels), strict=True)


def read_ledger(client: Client, log: str, topic: str) -> list[LedgerBlock]:
    """Return the stored blocks of a log, in order."""
    rows = client.query(
        "SELECT kafka_partition, offset_from, offset_to, samples, rejected, energy_j, commit_id, lost"
        " FROM ingest_blocks"
        " WHERE log = {log:String} AND topic = {topic:String} ORDER BY kafka_partition, offset_from, offset_to",
        parameters={"log": log, "topic": topic},
    ).result_rows
    return [LedgerBlock(*row) for row in rows]


def read_rulings(client: Client) -> Rulings:
    """Return what was ruled about new labels."""
    admitted = client.query(
        "SELECT site, fleet, platform, model, min(_block_number) FROM label_rulings WHERE site != '' GROUP BY ALL"
    ).result_rows
    ruled = client.query("SELECT commit_id, min(_block_number) FROM label_rulings GROUP BY commit_id").result_rows
    return Rulings(
        {tuple(labels): place for *labels, place in admitted}, {str(commit): int(place) for commit, place in ruled}
    )


def check_ledger(blocks: Sequence[LedgerBlock]) -> Finding:
    """Check that the blocks of each partition follow each other without gap or overlap; what is lost is in them."""
    wrong = []
    for before, after in itertools.pairwise(blocks):
        if before.partition != after.partition:
            continue
        if after.offset_from <= before.offset_to:
            wrong.append(f"partition {after.partition}: {after.offset_from} is stored twice")
        elif after.offset_from > before.offset_to + 1:
            wrong.append(f"partition {after.partition}: {before.offset_to + 1} to {after.offset_from - 1} are missing")
    partitions = len({block.partition for block in blocks})
    detail = "; ".join(wrong[:3]) or f"{len(blocks)} blocks of {partitions} partitions, no gap and no overlap"
    lost = sum(block.lost for block in blocks)
    return Finding(not wrong, "ledger", f"{detail}; {lost:,} {LOST}" if lost else detail)


def made_anew(client: Client, log: str, topic: str) -> str:
    """Say when a topic began that was made anew; empty where it is the first one that anything was stored of."""
    ((before, since),) = client.query(
        "SELECT countIf(log != {log:String}) > 0, minIf(stored_at, log = {log:String}) FROM ingest_blocks"
        " WHERE topic = {topic:String}",
        parameters={"log": log, "topic": topic},
    ).result_rows
    return f"before {since:%Y-%m-%d %H:%M:%S} UTC {MADE_ANEW}" if before else ""


def check_log(blocks: Sequence[LedgerBlock], records: Iterable[LogRecord], rulings: Rulings | None = None) -> Finding:
    """Check each block against what its messages in the log hold; blocks that the log no longer has are left out."""
    ruled = rulings or Rulings()
    held: dict[tuple[int, int], Held] = {}
    by_partition: dict[int, list[LedgerBlock]] = {}
    for block in blocks:
        by_partition.setdefault(block.partition, []).append(block)
    starts = {partition: [block.offset_from for block in same] for partition, same in by_partition.items()}
    for record in records:
        index = int(np.searchsorted(starts[record.partition], record.offset, side="right")) - 1
        block = by_partition[record.partition][index]
        held.setdefault((block.partition, block.offset_from), Held()).add(record, ruled.refused(block.commit_id))
    wrong = []
    total = Held()
    for block in blocks:
        found = held.get((block.partition, block.offset_from))
        if found is None:
            continue
        total.samples += found.samples
        total.rejected += found.rejected
        total.energies_j.append(found.energy_j)
        if (found.samples, found.rejected) != (block.samples, block.rejected) or not same(
            found.energy_j, block.energy_j
        ):
            wrong.append(
                f"partition {block.partition} offsets {block.offset_from} to {block.offset_to}: the topic holds"
                f" {found.samples} samples, {found.rejected} rejected, {found.energy_j!r} J; the ledger has"
                f" {block.samples}, {block.rejected}, {block.energy_j!r}"
            )
    detail = "; ".join(wrong[:3]) or (
        f"{len(held)} blocks read back: {total.samples} samples, {total.rejected} rejected, {total.energy_j:.6f} J"
    )
    return Finding(not wrong, "topic", detail)


def same(a_j: float, b_j: float) -> bool:
    """Say whether two energies are equal to the contract's relative 1e-9."""
    return math.isclose(a_j, b_j, rel_tol=RELATIVE, abs_tol=1e-9)


Sums = Mapping[str, Mapping[str, tuple[float, int]]]
"""Joules and samples, by the time that they are of and by the table in which they stand."""


def read_sums(client: Client) -> Sums:
    """Return joules and samples as each resolution and the ledger have them, of the times in which these are kept.

    Hours and the ledger are kept for ever, minutes for two years and seconds for 32 days: up to a day before that, the
    same stands in all that are kept. Of all logs.
    """
    kept = ("true", *(f"time >= toStartOfHour(now() - INTERVAL {days} DAY)" for days in (729, 31)))
    columns = ", ".join(f"sumIf(energy_j, {when}), sumIf(samples, {when})" for when in kept)
    # In one statement: a worker stores every second, and its rows of all resolutions come in one part.
    rows = client.query(
        f"SELECT toUInt16(resolution_s) AS of, {columns} FROM power_sums GROUP BY of"  # noqa: S608  our own text
        " UNION ALL SELECT 0, sum(energy_j), sum(samples), 0, 0, 0, 0 FROM ingest_blocks"
    ).result_rows
    found = {int(of): values for of, *values in rows}

    def pair(resolution_s: int, number: int) -> tuple[float, int]:
        energy_j, samples = found.get(resolution_s, [0] * 6)[2 * number : 2 * number + 2]
        return float(energy_j), int(samples)

    return {
        "ever": {"ledger": pair(0, 0), "hours": pair(3600, 0)},
        "two years": {"minutes": pair(60, 1), "hours": pair(3600, 1)},
        "31 days": {"seconds": pair(1, 2), "minutes": pair(60, 2), "hours": pair(3600, 2)},
    }


def check_sums(read: Callable[[], Sums], wait: Callable[[], None], attempts: int) -> Finding:
    """Check that the same joules and samples stand at every resolution and in the ledger.

    A block in the making stands in some tables only, so a difference counts when the ledger is at rest, or when
    `attempts` readings saw no moment without one.
    """
    for left in range(attempts, -1, -1):
        wrong = _unequal(sums := read())
        if not wrong:
            energy_j, samples = sums["ever"]["ledger"]
            return Finding(True, "sums", f"{energy_j:.6f} J and {samples} samples at every resolution")  # noqa: FBT003
        if left:
            wait()
    return Finding(False, "sums", "; ".join(wrong))  # noqa: FBT003  holds or not is what a finding says first


def _unequal(sums: Sums) -> list[str]:
    """Say of which times tables differ, and by what."""
    wrong = []
    for of, tables in sums.items():
        (first_j, first), *others = tables.values()
        if not all(same(first_j, energy_j) and first == samples for energy_j, samples in others):
            found = ", ".join(
                f"{name} {energy_j!r} J {samples} samples" for name, (energy_j, samples) in tables.items()
            )
            wrong.append(f"of {of}: {found}")
    return wrong


def unfinished(client: Client, log: str) -> list[Any]:
    """Return partition, first and last offset of blocks that were agreed and are not stored yet."""
    return list(
        client.query(
            "SELECT kafka_partition, offset_from, min(offset_to) FROM block_cuts WHERE log = {log:String}"
            " AND (kafka_partition, offset_from) NOT IN"
            " (SELECT kafka_partition, offset_from FROM ingest_blocks WHERE log = {log:String})"
            " AND cut_at > now() - INTERVAL 1 DAY"
            " GROUP BY kafka_partition, offset_from ORDER BY 1, 2",
            parameters={"log": log},
        ).result_rows
    )
