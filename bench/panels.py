"""How long the queries of the dashboards and rules take at a million chips: an engine of its own, a day seeded."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from bench.engine import engine
from bench.seed import Day, seed
from dashboards.check.asked import Asked, checked_in
from dashboards.check.run import known_values
from dashboards.check.views import widest
from dashboards.macros import View, expand
from dashboards.names import DATA_SOURCE_USER
from schema.clickhouse import connect
from schema.errors import GigawattError

SUMS_MS: Final = 300.0
RAW_MS: Final = 500.0
RULE_MS: Final = 1_000.0
"""What a query may take: of a dashboard over sums, over raw samples, and of a rule, for which nobody waits."""
RUNS: Final = 5

_RAW: Final = (
    *("series_samples", "chip_samples", "newest_samples_at", "minute_samples_between", "chip_history_between"),
    *("hosts_at", "throttled_chips_at", "throttling_at", "jobs_at", "power_reconciled", "meters_at"),
)
"""Views of raw samples, and what is made of them."""
_SETTLES_MS: Final = 2_000
"""The range ends so long after the newest sample, as it does where samples arrive."""


@dataclass(frozen=True)
class PanelResult:
    """What one query took over several runs, in milliseconds until its answer was here.

    `cpu_ms` is the engine's CPU time, the least of any run: where other work shares the cores, it says more.
    """

    file: str
    what: str
    kind: str
    rows: int
    min_ms: float
    median_ms: float
    max_ms: float
    cpu_ms: float
    limit_ms: float
    error: str = ""

    @property
    def holds(self) -> bool:
        """Whether it is within its limit."""
        return not self.error and self.median_ms <= self.limit_ms

    def as_json(self) -> dict[str, Any]:
        """Return the figures by name."""
        return asdict(self) | {"holds": self.holds}


def measure_panels(
    day: Day, said: Callable[[str], None] = lambda _: None, *, runs: int = RUNS, asked: Sequence[Asked] | None = None
) -> list[PanelResult]:
    """Seed an engine and run every query that is checked in over a day, the slowest first in the result."""
    wanted = checked_in() if asked is None else asked
    if not wanted:
        raise GigawattError("no dashboards found; run `gigawatt dashboards build` first")
    with engine() as running:
        newest_s = seed(running.url, day, said)
        with connect(running.url.replace("http://", f"http://{DATA_SOURCE_USER}@"), timeout_s=120) as client:
            now_ms = newest_s * 1000 + _SETTLES_MS
            return time_queries(client, wanted, now_ms, cpu_s=running.cpu_s, runs=runs, said=said)


def time_queries(
    client: Client,
    asked: Sequence[Asked],
    now_ms: int,
    *,
    cpu_s: Callable[[], float],
    runs: int = RUNS,
    said: Callable[[str], None] = lambda _: None,
) -> list[PanelResult]:
    """Run each query several times, everything chosen; what several dashboards have in common, once."""
    known, chip = known_values(asked, client, now_ms), _a_chip(client)
    first = {(one.kind, one.sql): one for one in reversed(asked)}
    results = []
    for number, one in enumerate(reversed(first.values()), 1):
        said(f"timing {number} of {len(first)}: {one.file}, {one.what}")
        sql = expand(one.sql, _view(one, known.get(one.board, {}), chip, now_ms))
        results.append(_timed(client, one, sql, cpu_s, runs))
    return sorted(results, key=lambda result: -result.median_ms)


def _view(asked: Asked, known: Mapping[str, Sequence[str]], chip: Mapping[str, str], now_ms: int) -> View:
    """Return a day's view of everything; what is typed in, or has one value, is of one chip."""
    view = widest(asked, known, now_ms)
    typed = {one.name: chip[one.name] for one in asked.variables if one.name in chip and not one.takes_all}
    return View(view.from_ms, view.to_ms, view.interval_ms, {**view.variables, **typed})


def _a_chip(client: Client) -> dict[str, str]:
    columns = ("site", "fleet", "platform", "model", "host", "chip")
    rows = client.query(f"SELECT {', '.join(columns)} FROM chips WHERE chip LIKE '%/0' LIMIT 1").result_rows  # noqa: S608
    return dict(zip(columns, rows[0], strict=True)) if rows else {}


def _timed(client: Client, asked: Asked, sql: str, cpu_s: Callable[[], float], runs: int) -> PanelResult:
    took_ms, cpu_ms, rows, error = [0.0], [0.0], 0, ""
    try:
        rows = len(client.query(sql).result_rows)  # what is read from disk is read now
        taken = [_once_ms(client, sql, cpu_s) for _ in range(runs)]
        took_ms, cpu_ms = [took for took, _ in taken], [cpu for _, cpu in taken]
    except DatabaseError as refused:
        error = str(refused).splitlines()[0][:200]
    return PanelResult(
        asked.file,
        asked.what,
        asked.kind,
        rows,
        min(took_ms),
        statistics.median(took_ms),
        max(took_ms),
        min(cpu_ms),
        _limit_ms(asked),
        error,
    )


def _limit_ms(asked: Asked) -> float:
    if asked.kind == "rule":
        return RULE_MS
    return RAW_MS if any(name in asked.sql for name in _RAW) else SUMS_MS


def _once_ms(client: Client, sql: str, cpu_s: Callable[[], float]) -> tuple[float, float]:
    used_s, began = cpu_s(), time.perf_counter()
    client.raw_query(sql, fmt="Native")
    return (time.perf_counter() - began) * 1000, (cpu_s() - used_s) * 1000


def panel_table(results: Sequence[PanelResult]) -> list[list[str]]:
    """Return the figures as rows of text, a row per query."""
    rows = [["query", "rows", "min ms", "median ms", "max ms", "CPU ms", "limit ms", ""]]
    for one in results:
        figures = [
            f"{value:,.0f}" for value in (one.rows, one.min_ms, one.median_ms, one.max_ms, one.cpu_ms, one.limit_ms)
        ]
        verdict = "holds" if one.holds else one.error or "TOO SLOW"
        rows.append([f"{one.file.partition('/')[2]} {one.what}", *figures, verdict])
    return rows
