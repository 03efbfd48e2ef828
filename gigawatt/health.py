"""Is each part up: what `gigawatt status` asks, one finding for each part."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from clickhouse_connect.driver.client import Client

from schema.disk import LOW_BYTES
from schema.errors import GigawattError
from schema.kafka import KafkaAdmin
from schema.migrate import load, pending
from schema.topics import LOST, MADE_ANEW, REJECTED, SAMPLES

STALLED_S: Final = 30
"""A topic with messages to store, of which nothing was stored for this long, has no worker."""
STANDS_S: Final = 4.0
"""A partition of which nothing was stored lately may just have woken up: it is looked at again after so long."""
SHOWN: Final = 5
PARTITIONS: Final = 12
"""How many lagging partitions are named, those that lag most."""
REASONS: Final = 12
"""How many reasons are reported, those with most rows."""


@dataclass(frozen=True)
class Finding:
    """What is found of one part: whether it is up, and the line that says so."""

    part: str
    up: bool
    detail: str


@dataclass(frozen=True)
class Seen:
    """A worker as the ledger has it: blocks of the last quarter of an hour, seconds since the last."""

    worker: str
    blocks: int
    ago_s: float


class RejectedRows(NamedTuple):
    """How many rows were rejected for a reason, and what the newest of them said."""

    rows: int
    detail: str


class Doubt(NamedTuple):
    """A fleet of which chips were reported twice in the last minute and a half, and the first hosts that did."""

    fleet: str
    chips: int
    hosts: list[str]


def look(admin: Callable[[], KafkaAdmin], connect: Callable[[], Client]) -> Iterator[Finding]:
    """Yield a finding for each part as it is known; what rests on a part that is down is left out."""
    log, ends = "", None
    try:
        with admin() as kafka:
            yield Finding("kafka", up=True, detail="answers")
            log, ends = kafka.log_id(SAMPLES), kafka.log_ends(SAMPLES)
            kafka.log_id(REJECTED)
            kept = sum(end - first for first, end in ends.values())
            yield Finding("topics", up=True, detail=f"{SAMPLES} keeps {kept:,} messages in {len(ends)} partitions")
    except GigawattError as error:
        yield Finding("topics" if log or "topic" in str(error) else "kafka", up=False, detail=str(error))
    try:
        client = connect()
        yield Finding("clickhouse", up=True, detail=f"answers, version {client.server_version}")
    except GigawattError as error:
        yield Finding("clickhouse", up=False, detail=str(error))
        return
    yield disk_finding(*disk(client))
    schema = schema_finding(applied(client))
    yield schema
    if not schema.up:
        return
    if ends is not None:
        behind = behind_by(ends, stored(client, log))
        yield (workers := workers_finding(seen(client), behind))
        yield behind_finding(behind, standing(client, log, behind) if workers.up else [])
        yield lost_finding(lost(client), deleted(ends, stored(client, log)), logs(client))
    yield rejected_finding(rejected(client))
    yield letters_finding(*lost_letters(client))
    yield sums_finding(doubtful(client))


def applied(client: Client) -> dict[int, tuple[str, str]]:
    """Return name and checksum of the migrations that were applied; empty where there is no schema."""
    exists = client.query(
        "SELECT count() FROM system.tables WHERE database = 'gigawatt' AND name = 'schema_migrations'"
    )
    if not exists.result_rows[0][0]:
        return {}
    rows = client.query("SELECT version, name, checksum FROM gigawatt.schema_migrations").result_rows
    return {version: (name, checksum) for version, name, checksum in rows}


def stored(client: Client, log: str) -> dict[int, int]:
    """Return the highest stored offset of each partition of a log."""
    rows = client.query(
        "SELECT kafka_partition, max(offset_to) FROM gigawatt.ingest_blocks "
        "WHERE log = {log:String} AND topic = {topic:String} GROUP BY kafka_partition",
        parameters={"log": log, "topic": SAMPLES},
    ).result_rows
    return {int(number): int(offset) for number, offset in rows}


def standing(
    client: Client, log: str, behind: Mapping[int, int], wait: Callable[[], None] = lambda: time.sleep(STANDS_S)
) -> list[int]:
    """Return the partitions that have messages to store and do not move, neither lately nor while `wait` waits."""
    rows = client.query(
        "SELECT DISTINCT kafka_partition FROM gigawatt.ingest_blocks "
        "WHERE log = {log:String} AND topic = {topic:String} "
        "AND stored_at >= now64(3) - INTERVAL {stalled_s:UInt32} SECOND",
        parameters={"log": log, "topic": SAMPLES, "stalled_s": STALLED_S},
    ).result_rows
    moving = {int(number) for (number,) in rows}
    suspects = [number for number, count in behind.items() if count and number not in moving]
    if not suspects:
        return []
    before = stored(client, log)
    wait()
    after = stored(client, log)
    return sorted(number for number in suspects if before.get(number) == after.get(number))


def seen(client: Client) -> list[Seen]:
    """Return the workers that stored something lately, the latest first."""
    rows = client.query(
        "SELECT worker, count(), toFloat64(now64(3)) - max(toFloat64(stored_at)) AS ago_s FROM gigawatt.ingest_blocks "
        "WHERE stored_at >= now64(3) - INTERVAL 15 MINUTE GROUP BY worker ORDER BY ago_s"
    ).result_rows
    return [Seen(*row) for row in rows]


def rejected(client: Client) -> dict[str, RejectedRows]:
    """Return the rows rejected in the last hour, by reason, most first."""
    rows = client.query(
        "SELECT reason, sum(rows), argMax(detail, time) FROM gigawatt.rejected_rows "
        "WHERE time >= now64(3) - INTERVAL 1 HOUR GROUP BY reason ORDER BY sum(rows) DESC LIMIT {most:UInt8}",
        parameters={"most": REASONS},
    ).result_rows
    return {reason: RejectedRows(int(count), detail) for reason, count, detail in rows}


def lost_letters(client: Client) -> tuple[int, int, str]:
    """Return how many dead letters of the last hour are not written, of how many rows, and the newest reason."""
    rows = client.query(
        "SELECT count(), sum(rows), argMax(why, noted_at) FROM gigawatt.dead_letters_lost "
        "WHERE noted_at >= now64(3) - INTERVAL 1 HOUR"
    ).result_rows
    return int(rows[0][0]), int(rows[0][1]), rows[0][2]


def doubtful(client: Client) -> list[Doubt]:
    """Return the fleets that count chips twice, those with most of them first."""
    rows = client.query(
        "SELECT concat(site, ' / ', fleet, ' / ', platform), chips, arraySlice(hosts, 1, 2) "
        "FROM gigawatt.doubtful_fleets ORDER BY chips DESC, site, fleet, platform"
    ).result_rows
    return [Doubt(*row) for row in rows]


def lost(client: Client) -> dict[int, int]:
    """Return how many messages each partition lost, as noted in the last day; those that lost any."""
    rows = client.query(
        "SELECT kafka_partition, sum(lost) AS messages FROM gigawatt.ingest_blocks "
        "WHERE stored_at >= now64(3) - INTERVAL 1 DAY AND lost > 0 GROUP BY kafka_partition"
    ).result_rows
    return {int(number): int(messages) for number, messages in rows}


def logs(client: Client) -> int:
    """Return how many topics of the samples' name anything of the last day was stored of, one after the other."""
    ((found,),) = client.query(
        "SELECT uniqExact(log) FROM gigawatt.ingest_blocks WHERE stored_at >= now64(3) - INTERVAL 1 DAY"
    ).result_rows
    return int(found)


def deleted(ends: Mapping[int, tuple[int, int]], stored: Mapping[int, int]) -> dict[int, int]:
    """Return how many messages of each partition are gone and not stored: the next block will note them."""
    gone = {number: first - stored[number] - 1 for number, (first, _) in ends.items() if number in stored}
    return {number: messages for number, messages in gone.items() if messages > 0}


def behind_by(ends: Mapping[int, tuple[int, int]], stored: Mapping[int, int]) -> dict[int, int]:
    """Return per partition how many of its kept messages are not stored; `ends` are first and next offsets."""
    return {number: max(end - max(stored.get(number, -1) + 1, first), 0) for number, (first, end) in ends.items()}


def disk(client: Client) -> tuple[int, int]:
    """Return the free and all bytes of the fullest disk that ClickHouse stores on; none where it reports none."""
    rows = client.query(
        "SELECT free_space, total_space FROM system.disks WHERE is_remote = 0 ORDER BY free_space LIMIT 1"
    ).result_rows
    return (int(rows[0][0]), int(rows[0][1])) if rows else (0, 0)


def disk_finding(free: int, total: int) -> Finding:
    """Say how much room is left. Down when it is nearly full."""
    if not total:
        return Finding("disk", up=True, detail="ClickHouse reports no local disk")
    detail = f"{free / 1e9:,.1f} GB of {total / 1e9:,.1f} GB free on the disk of ClickHouse"
    if free < LOW_BYTES:
        return Finding("disk", up=False, detail=f"{detail}; free some space, the backlog waits in Kafka")
    return Finding("disk", up=True, detail=detail)


def schema_finding(applied: Mapping[int, tuple[str, str]]) -> Finding:
    """Compare what was applied with the migrations of this Gigawatt."""
    try:
        todo = pending(load(), dict(applied))
    except GigawattError as error:
        return Finding("schema", up=False, detail=str(error))
    if todo:
        return Finding("schema", up=False, detail=f"{len(todo)} migrations are pending; run: gigawatt migrate")
    return Finding("schema", up=True, detail=f"version {max(applied)}, current")


def workers_finding(workers: list[Seen], behind: Mapping[int, int]) -> Finding:
    """Report which workers store. No worker is needed while no message waits."""
    waiting = sum(behind.values())
    lately = [worker for worker in workers if worker.ago_s < STALLED_S]
    if not lately:
        last = f"the last block was stored {workers[0].ago_s:.0f} s ago" if workers else "no block in 15 minutes"
        if waiting:
            return Finding(
                "workers",
                up=False,
                detail=f"{last}, {waiting:,} messages wait; see the worker's log, or run: gigawatt worker",
            )
        return Finding("workers", up=True, detail=f"{last}, no messages wait: no producer sends")
    names = ", ".join(f"{worker.worker} ({worker.ago_s:.1f} s ago)" for worker in lately[:SHOWN])
    more = f" and {len(lately) - SHOWN} more" if len(lately) > SHOWN else ""
    return Finding("workers", up=True, detail=f"{len(lately)} storing: {names}{more}")


def behind_finding(behind: Mapping[int, int], standing: Sequence[int] = ()) -> Finding:
    """Say how far behind each partition is that is; the second that is being filled always waits.

    Down when a partition stands still while others move: something of it cannot be stored.
    """
    waiting = {number: count for number, count in behind.items() if count}
    if not waiting:
        return Finding("lag", up=True, detail="all messages are stored")
    most = dict(sorted(waiting.items(), key=lambda item: -item[1])[:PARTITIONS])
    each = ", ".join(f"{number}: {count:,}" for number, count in sorted(most.items()))
    more = f" and {len(waiting) - len(most)} more" if len(waiting) > len(most) else ""
    detail = f"{sum(waiting.values()):,} messages; by partition {each}{more}"
    if standing:
        which = ", ".join(map(str, standing[:PARTITIONS]))
        return Finding("lag", up=False, detail=f"no progress in partition {which}, see the worker's log; {detail}")
    return Finding("lag", up=True, detail=detail)


def lost_finding(noted: Mapping[int, int], gone: Mapping[int, int], logs: int) -> Finding:
    """Say what can never be stored any more. Down for a day, as the rules fire."""
    each = {number: noted.get(number, 0) + gone.get(number, 0) for number in noted.keys() | gone.keys()}
    said = []
    if each:
        most = sorted(each.items(), key=lambda item: (-item[1], item[0]))[:SHOWN]
        which = ", ".join(f"{number}: {count:,}" for number, count in most)
        said.append(f"{sum(each.values()):,} {LOST}; by partition {which}")
    if logs > 1:
        said.append(f"{MADE_ANEW}; times: {logs - 1}")
    return Finding("lost", up=not said, detail=f"in the last 24 h: {'; '.join(said)}" if said else "nothing")


def rejected_finding(rejected: Mapping[str, RejectedRows]) -> Finding:
    """Say what was rejected, and of the most frequent reason an example."""
    if not rejected:
        return Finding("rejected", up=True, detail="no rows in the last hour")
    each = ", ".join(f"{one.rows:,} {reason}" for reason, one in rejected.items())
    newest = next(iter(rejected.values())).detail
    example = f"; for example: {newest}" if newest else ""
    return Finding("rejected", up=True, detail=f"in the last hour: {each}{example}")


def letters_finding(letters: int, rows: int, why: str) -> Finding:
    """Say whether what was rejected is kept in the dead letters. Down while some of it is not."""
    if not letters:
        return Finding("dead letters", up=True, detail="all dead letters of the last hour are written")
    detail = f"{letters:,} dead letters ({rows:,} rows) of the last hour are not written to {REJECTED}: {why}"
    return Finding("dead letters", up=False, detail=f"{detail}; run: gigawatt migrate")


def sums_finding(doubtful: Sequence[Doubt]) -> Finding:
    """Say which fleets count chips twice."""
    if not doubtful:
        return Finding("doubtful", up=True, detail="no chip is reported twice")
    each = [f"{one.fleet}: {one.chips:,} by {', '.join(one.hosts)}" for one in doubtful[:SHOWN]]
    more = [f"and {len(doubtful) - SHOWN} more fleets"] if len(doubtful) > SHOWN else []
    return Finding("doubtful", up=True, detail=f"DOUBTFUL: chips are reported twice: {'; '.join(each + more)}")
