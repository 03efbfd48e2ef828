"""A small simulated fleet in the store, through the real processor: what a page has to show."""

from collections.abc import Callable, Iterable, Sequence

import pyarrow as pa
from clickhouse_connect.driver.client import Client

from producers.source import Tick
from producers.sources.simulated import Simulated
from schema import encoding
from schema import fleet as fleets
from schema.migrate import set_budgets
from streams.blocks import Block, Commit, LogMessage, Span
from streams.process import Processor
from streams.store import Store
from tests.batches import batch

Beside = Callable[[int], Iterable[pa.RecordBatch]]


class Seeded:
    """The fleet and where it is stored; `cadence_s` overrides each platform's own."""

    def __init__(self, connect: Callable[[], Client], *, chips: int, cadence_s: int | None = None) -> None:
        fleet = fleets.scaled(fleets.load(), chips)
        client = connect()
        set_budgets(client, fleets.budgets(fleet), fleets.rack_hosts(fleet))
        client.close()
        self._source = Simulated(fleet, silent=0.02, cadence_s=cadence_s)
        self._processor = Processor()
        self._store = Store(connect, topic="chip.samples", log=f"seeded-{cadence_s}", worker="seeding")
        self._offset = 0

    def play(self, from_s: int, to_s: int, *, beside: Beside = lambda _: (), seconds_a_commit: int = 60) -> None:
        """Store what the fleet says in the seconds that end after `from_s` and up to `to_s` (epoch).

        `beside` is what is told of a second by others. A worker commits about each second, by which single samples are
        found; sums are the same with fewer commits.
        """
        for begin in range(from_s + 1, to_s + 1, seconds_a_commit):
            told = []
            for ts_s in range(begin, min(begin + seconds_a_commit, to_s + 1)):
                told += [(ts_s, one.samples) for one in self._source.read(Tick(ts_s * 1000, 1000))]
                told += [(ts_s, one) for one in beside(ts_s)]
            self._tell(told)

    def miss(self) -> None:
        """Leave a gap in the ledger."""
        self._offset += 5

    def _tell(self, told: Sequence[tuple[int, pa.RecordBatch]]) -> None:
        messages = [
            LogMessage(0, self._offset + place, ts_s * 1000 + 400, encoding.encode(samples), None)
            for place, (ts_s, samples) in enumerate(told)
        ]
        if messages:
            block = Block(Span(0, self._offset, messages[-1].offset), messages)
            commit = Commit(f"seeded-{self._offset}", [block])
            self._store.agree(commit)
            self._store.store(self._processor.process(commit))
            self._offset = messages[-1].offset + 1


def trouble(client: Client, begin_s: int, end_s: int) -> Beside:
    """Return what should not be, from one second to another, and a meter.

    Chips are throttled, silent, told twice, late, or refused, and the power of one fleet drops.
    """
    labels = ("site", "fleet", "platform", "model", "host", "chip")
    one = f"SELECT {', '.join(labels)} FROM chips WHERE platform = 'nvidia' ORDER BY host, chip"
    chip = dict(zip(labels, client.query(one).first_row, strict=True))

    def told(ts_s: int) -> list[pa.RecordBatch]:
        busy = {"ts": ts_s * 1000, "utilization": 0.9}
        meter = {**chip, "chip": "meter/1", "model": "host-meter", "power_method": "meter"}
        return [
            batch(**{**chip, "host": f"{chip['host']}-twin"}, ts=ts_s * 1000),
            batch(**{**chip, "chip": ["twice/0", "twice/0"]}, ts=ts_s * 1000),
            batch(**{**chip, "chip": "hot/0"}, **busy, throttle=2, temperature_c=91.0),
            batch(**{**chip, "chip": "capped/0"}, **busy, throttle=1, temperature_c=60.0),
            batch(
                **{**chip, "fleet": "surge", "chip": "surge/0"}, **busy, power_w=900.0 if ts_s < end_s - 60 else 300.0
            ),
            batch(**meter, ts=ts_s * 1000, power_w=9e3),
            batch(**{**chip, "chip": "refused/0"}, ts=ts_s * 1000, power_w=-1.0),
            *([] if ts_s > begin_s + 1 else [batch(**{**chip, "chip": "gone/0"}, ts=(begin_s - 900) * 1000)]),
        ]

    return told


def a_day_before(client: Client, minute_s: int) -> None:
    """Let the minute that begins at `minute_s` stand for the whole day before it, and its seconds for an hour.

    Sums are of all chips, so a day of 100,000 chips is a few ten thousand rows. What was there before goes.
    """
    client.command(f"ALTER TABLE power_sums DELETE WHERE time < {minute_s} SETTINGS mutations_sync = 2")
    columns = [name for name, *_ in client.query("DESCRIBE TABLE power_sums").result_rows]
    rest = ", ".join(name for name in columns if name not in {"resolution_s", "time"})
    for resolution_s, source_s, step_s, steps in ((1, 1, 60, 60), (60, 60, 60, 1440), (3600, 60, 3600, 24)):
        scale = resolution_s // source_s
        sums = rest if scale == 1 else ", ".join(_times(name, scale) for name in columns[2:])
        client.command(
            f"INSERT INTO power_sums (resolution_s, time, {rest}) "
            f"SELECT {resolution_s}, toStartOfInterval(time, INTERVAL {resolution_s} SECOND) - number * {step_s},"
            f" {sums} FROM (SELECT * FROM power_sums WHERE resolution_s = {source_s} AND"
            f" time >= toDateTime({minute_s}, 'UTC') AND time < toDateTime({minute_s + 60}, 'UTC')) AS one"
            f" CROSS JOIN numbers(1, {steps}) AS many"
        )


def _times(name: str, factor: int) -> str:
    """Return a sum over a longer time of the same; labels and peaks stay as they are."""
    if name in {"site", "fleet", "platform", "model", "power_method", "max_power_w"}:
        return name
    if name == "power_histogram":
        return f"mapApply((bin, seconds) -> (bin, seconds * {factor}), {name})"
    return f"{name} * {factor}"
