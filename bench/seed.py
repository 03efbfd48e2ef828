"""What a fleet leaves in the store within a day, made in minutes.

One second of the simulated fleet goes the way of all samples, through the processor into the store, once a while ago
with every chip and once just now with some of them silent. What then stands there, sums with their histograms and raw
rows, the engine itself copies over the day, with a daily swing and some noise. Parts are as inserts and merges leave
them: nothing is put in order by hand.
"""

import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from clickhouse_connect.driver.client import Client

from producers.batches import build
from producers.source import Batch, Tick
from producers.sources.simulated import Simulated
from schema import fleet as fleets
from schema.clickhouse import connect
from schema.encoding import encode
from schema.migrate import set_budgets
from streams.blocks import Block, Commit, LogMessage, Span
from streams.process import Processor
from streams.store import Store

PARTITIONS: Final = 12
_TOPIC: Final = "chip.samples"
_LOG: Final = "bench"
_OFFSETS_A_SECOND: Final = 100
_POOL_PARTS: Final = 3
_METERED_HOSTS: Final = 64
_TOLD_BEFORE_S: Final = 600
_HISTORY_H: Final = 40 * 24
"""Hours are kept for ever: so many stand there."""


@dataclass(frozen=True)
class Day:
    """What is seeded: so many chips, sums by second for so many hours, raw samples for so many seconds."""

    chips: int = 1_000_000
    hours: int = 24
    raw_s: int = 240


def seed(url: str, day: Day, said: Callable[[str], None] = lambda _: None) -> int:
    """Fill a migrated, empty store, and return the newest second that it has, in epoch seconds."""
    client = connect(url, timeout_s=600)
    newest_s = int(time.time()) - 2
    fleet = _in_parts(fleets.scaled(fleets.load(), day.chips))
    said(f"seeding: {day.chips:,} chips through the worker's own code")
    set_budgets(client, fleets.budgets(fleet))
    seconds = day.hours * 3600
    for back_s, silent in ((_TOLD_BEFORE_S, 0.0), (0, 0.001)):
        _store_a_second(url, fleet, newest_s - back_s, silent, first=(seconds - back_s) * _OFFSETS_A_SECOND)
    said(f"seeding: {day.hours} hours of sums by second, minute and hour")
    _copy_sums(client, newest_s, day)
    said(f"seeding: raw samples of {day.raw_s} seconds, and the ledger")
    for back_s in range(day.raw_s - 1, 0, -1):
        client.command(_RAW, parameters={"newest": newest_s, "back": back_s})
    numbers = {"newest": newest_s, "seconds": seconds, "told": _TOLD_BEFORE_S, "each": _OFFSETS_A_SECOND}
    for statement in (_LEDGER, _CUTS, _REFUSED):
        client.command(statement, parameters={**numbers, "log": _LOG})
    client.close()
    return newest_s


def _in_parts(fleet: fleets.Fleet) -> fleets.Fleet:
    """Return the same chips in three times as many fleets: about thirty groups."""
    pools = []
    for pool in fleet.pools:
        for part, count in enumerate(fleets.apportion(pool.count, [3, 2, 1])):
            if count:
                name, prefix = f"{pool.fleet}-{part}", f"{pool.host_prefix}{part}-"
                budget_w = pool.budget_w * count / pool.count
                pools.append(dataclasses.replace(pool, fleet=name, host_prefix=prefix, count=count, budget_w=budget_w))
    return dataclasses.replace(fleet, pools=tuple(pools), limits=())


def _store_a_second(url: str, fleet: fleets.Fleet, at_s: int, silent: float, first: int) -> None:
    """Store one sample of every chip as the worker does, a commit for each partition."""
    store = Store(lambda: connect(url, timeout_s=600), topic=_TOPIC, log=_LOG, worker="bench")
    processor = Processor()
    batches = [*Simulated(fleet, silent=silent, cadence_s=1).read(Tick(at_s * 1000, 1000)), _meters(fleet, at_s)]
    for partition in range(PARTITIONS):
        messages = list(_messages(batches[partition::PARTITIONS], partition, first, at_s))
        if messages:
            block = Block(Span(partition, first, first + _OFFSETS_A_SECOND - 1), messages)
            store.store(processor.process(Commit(f"{at_s}-{partition}", [block])))


def _messages(batches: Sequence[Batch], partition: int, offset: int, at_s: int) -> Iterator[LogMessage]:
    for number, batch in enumerate(batches):
        yield LogMessage(partition, offset + number, at_s * 1000 + 200, encode(batch.samples), None)


def _meters(fleet: fleets.Fleet, at_s: int) -> Batch:
    """Return a reading of the power meters of some hosts."""
    pool = fleet.pools[0]
    count = min(_METERED_HOSTS, -(-pool.count // pool.chip.chips_per_host))
    hosts = [f"{pool.host_prefix}{number:05d}" for number in range(count)]
    columns = {
        "ts": [at_s * 1000] * count, "interval_ms": 1000, "site": pool.site.name, "fleet": pool.fleet, "host": hosts,
        "platform": pool.chip.platform, "model": "host-meter", "chip": [f"meter/{host}" for host in hosts],
        "power_w": 4000.0, "power_method": "meter",
    }  # fmt: skip
    return Batch(hosts[0], build(count, columns))


_SCALED: Final = ("energy_j", "idle_j", "power_w2_seconds", "max_power_w")
"""What swings with the load; the rest stays."""


def _copy_sums(client: Client, newest_s: int, day: Day) -> None:
    columns = client.query(
        "SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = 'power_sums'"
        " AND type LIKE 'SimpleAggregateFunction%' ORDER BY position"
    ).result_rows
    replaced = ", ".join(_copied(name, type_) for name, type_ in columns)
    seconds = day.hours * 3600
    # An hour at a time: as much as some merges have brought together.
    spans = [(1, first, min(3600, seconds - first)) for first in range(2, seconds, 3600)]
    spans += [(60, 1, day.hours * 60 + 1), (3600, 1, max(_HISTORY_H, day.hours + 1))]
    for length_s, first, count in spans:
        client.command(
            _SUMS.format(replaced=replaced),
            parameters={"newest": newest_s, "length": length_s, "first": first, "count": count, "told": _TOLD_BEFORE_S},
        )


def _copied(name: str, type_: str) -> str:
    load = " * load" if name in _SCALED else ""
    if "(max," in type_:
        return f"{name}{load} AS {name}"
    if "Map(" in type_:
        # A simulated fleet has fewer powers than a real one: as many again, an octave higher, of a tenth of the chips.
        weight = "{length:UInt16} * (1 + noise)"
        return (
            f"mapAdd(mapApply((bin, s) -> (bin, round(0.9 * s * {weight}, 3)), {name}),"
            f" mapApply((bin, s) -> (toUInt16(bin + 64), round(0.1 * s * {weight}, 3)), {name})) AS {name}"
        )
    if "UInt64" in type_:
        return f"toUInt64({name} * {{length:UInt16}}) AS {name}"
    return f"{name} * {{length:UInt16}}{load} AS {name}"


_SUMS: Final = """
INSERT INTO power_sums
SELECT * EXCEPT (at, load, noise)
    REPLACE (toUInt16({{length:UInt16}}) AS resolution_s, at AS time, {replaced})
FROM
(
    SELECT
        template.*,
        toDateTime((intDiv({{newest:UInt32}}, {{length:UInt16}}) - number) * {{length:UInt16}}, 'UTC') AS at,
        (cityHash64(at, site, fleet, model) % 1000 - 500) / 25000 AS noise,
        1 + 0.1 * sin(toUnixTimestamp(at) / 13750 + cityHash64(fleet) % 7) + noise AS load
    FROM
    (
        SELECT * FROM power_sums FINAL
        WHERE resolution_s = 1 AND time = toDateTime({{newest:UInt32}} - 1, 'UTC')
    ) AS template
    CROSS JOIN numbers({{first:UInt32}}, {{count:UInt32}}) AS moments
    WHERE {{length:UInt16}} > 1 OR number != {{told:UInt32}} + 1
)
"""

_RAW: Final = """
INSERT INTO sample_batches
SELECT * REPLACE (
    toDateTime({newest:UInt32} - {back:UInt32}, 'UTC') AS time,
    arrayMap(dw -> if(dw = 4294967295, dw, toUInt32(dw + rand(dw) % 41)), power_dw) AS power_dw)
FROM (SELECT * FROM sample_batches WHERE time = toDateTime({newest:UInt32}, 'UTC'))
"""

_LEDGER: Final = """
INSERT INTO ingest_blocks
    (topic, kafka_partition, offset_from, offset_to, samples, rejected, energy_j, stored_at, worker, log, commit_id,
     messages, wire_bytes, late_samples, newest_ts, appended_from, appended_to)
SELECT
    'chip.samples', number % 12, second * {each:UInt32} AS begins, begins + {each:UInt32} - 1,
    83000 + rand(1) % 1000, 0, 9e7 + rand(2) % 1000,
    ends + toIntervalMillisecond(1100 + rand(3) % 400), concat('worker-', toString(number % 3)), {log:String},
    toString(second), 30, 2800000, rand(4) % 3, ends,
    ends + toIntervalMillisecond(200), ends + toIntervalMillisecond(900)
FROM
(
    SELECT number, intDiv(number, 12) AS second,
        toDateTime64({newest:UInt32} - {seconds:UInt32} + second, 3, 'UTC') AS ends
    FROM numbers({seconds:UInt32} * 12)
    WHERE second != {seconds:UInt32} - {told:UInt32}
)
"""

_CUTS: Final = """
INSERT INTO block_cuts
SELECT log, topic, kafka_partition, offset_from, offset_to, commit_id, worker, appended_to FROM ingest_blocks
"""

_REFUSED: Final = """
INSERT INTO rejected_rows
SELECT
    toDateTime64({newest:UInt32} - number * 120, 3, 'UTC'), ['bad_power', 'bad_time', 'too_late'][number % 3 + 1],
    1 + rand(1) % 9, number % 12, number * {each:UInt32}, 'seeded', {log:String}
FROM numbers(intDiv({seconds:UInt32}, 120))
"""
