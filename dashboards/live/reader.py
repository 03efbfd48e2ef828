"""Reads the summary's rows from ClickHouse: short queries, each over a bounded time and for a bounded number of fleets.

Which fleets have a line is asked first; what the others draw together is asked only where there are any.
"""

import heapq
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from dashboards.live.rows import (
    DOUBTFUL_S,
    HISTORY_S,
    HISTORY_STEP_S,
    MOST,
    WINDOW_S,
    Doubtful,
    Fleet,
    Flow,
    Key,
    Mean,
    MethodSum,
    Rows,
    Second,
)
from dashboards.live.summary import Summary, summarize
from schema.clickhouse import ClickHouseAwayError, why
from schema.errors import GigawattError
from schema.samples import METER_MODELS

_TIGHTEST: Final = 20
"""So many of the fleets nearest their budgets have a line, whatever they draw."""
_UNKNOWN: Final = ("UNKNOWN_TABLE", "UNKNOWN_DATABASE")
# What meters show stands beside what their chips draw, and is no part of it.
_PARAMETERS: Final = {
    "window_s": WINDOW_S, "history_s": HISTORY_S, "step_s": HISTORY_STEP_S, "meters": list(METER_MODELS),
    "most": MOST,
    "doubtful_s": DOUBTFUL_S,
}  # fmt: skip

_NOW = "SELECT toFloat64(now64(3))"
_NEWEST = """
SELECT
    site, fleet, platform, budget_w, chips_expected, power_chips_expected, heard,
    toUnixTimestamp(time), power_w, power_estimated_w, power_error_w, chips_reporting, power_chips_reporting, coverage,
    utilization, tensor_utilization, modelled_share
FROM fleets_at(at = toDateTime({at:UInt32}, 'UTC'))
"""
# Which fleets have a line, if not all. The sums over all of them stand in every row. A day is its whole hours and the
# minutes before them.
_FLEETS = """
SELECT
    site, fleet, platform, sum(joules) AS energy_j, count() OVER () AS fleets, sum(energy_j) OVER ()
FROM
(
    SELECT site, fleet, platform, true AS declared, 0. AS joules FROM budgets
    UNION ALL
    SELECT site, fleet, platform, false, sum(energy_j)
    FROM power_by_hour
    WHERE time >= toStartOfHour(now() - INTERVAL 23 HOUR) AND model NOT IN {meters:Array(String)}
    GROUP BY site, fleet, platform
    UNION ALL
    SELECT site, fleet, platform, false, sum(energy_j)
    FROM power_by_minute
    WHERE time >= now() - INTERVAL 24 HOUR AND time < toStartOfHour(now() - INTERVAL 23 HOUR)
        AND model NOT IN {meters:Array(String)}
    GROUP BY site, fleet, platform
)
GROUP BY site, fleet, platform
ORDER BY max(declared) DESC, energy_j DESC, site, fleet, platform
LIMIT {most:UInt32}
"""
# In place of @shown: nothing to leave out, or all but the fleets that have a line.
_EVERY = "true"
_LARGEST = f"(site, fleet, platform) IN (SELECT site, fleet, platform FROM ({_FLEETS}))"  # noqa: S608  a query of ours
_METHODS = """
SELECT site, fleet, platform, power_method, sum(energy_j), sum(chip_seconds), sum(samples)
FROM power_by_second
WHERE time >= now() - {window_s:UInt32} AND time <= now() AND power_method != ''
    AND model NOT IN {meters:Array(String)} AND @shown
GROUP BY site, fleet, platform, power_method
"""
_HISTORY = """
SELECT site, fleet, platform, toUInt32(intDiv(toUInt32(time), {step_s:UInt32}) * {step_s:UInt32}) AS step,
    sum(energy_j) / sum(chip_seconds)
FROM power_by_second
WHERE time >= now() - {history_s:UInt32} - {step_s:UInt32} AND time <= now() AND power_method != ''
    AND model NOT IN {meters:Array(String)} AND @shown
GROUP BY site, fleet, platform, step HAVING sum(chip_seconds) > 0
"""
_FLOW = """
SELECT
    sumIf(samples, lately) / 60, max(toFloat64(newest_ts)),
    quantileIf(0.5)(delay_s, lately AND delay_s IS NOT NULL), quantileIf(0.99)(delay_s, lately AND delay_s IS NOT NULL),
    uniqExactIf(worker, lately)
FROM
(
    SELECT
        samples, newest_ts, worker,
        stored_at >= now64(3) - INTERVAL 1 MINUTE AS lately,
        toFloat64(stored_at) - toFloat64(newest_ts) AS delay_s
    FROM ingest_blocks WHERE stored_at >= now64(3) - {window_s:UInt32}
)
"""
_REFUSED = """
SELECT reason, sum(rows) FROM rejected_rows WHERE time >= now64(3) - INTERVAL 1 HOUR
GROUP BY reason ORDER BY sum(rows) DESC LIMIT 20
"""
# As the view begins. Nearly always there is none, and then the view need not be worked out.
_SUSPECTS = """
SELECT chip_key FROM chip_claims WHERE last_seen >= now() - {doubtful_s:UInt32} - 900
GROUP BY chip_key HAVING min(claim) != max(claim) LIMIT 1
"""
_DOUBTFUL = """
SELECT site, fleet, platform, chips, arraySlice(hosts, 1, 4), methods
FROM doubtful_fleets_between(since = now() - {doubtful_s:UInt32}, until = now()) ORDER BY chips DESC LIMIT {most:UInt32}
"""


class SummaryReader:
    """Asks ClickHouse for the summary; may be shared by threads. `connect` is called again after a failure."""

    def __init__(
        self,
        connect: Callable[[], Client],
        *,
        fresh_for_s: float = 0.5,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connect = connect
        self._fresh_for_s = fresh_for_s
        self._clock = clock
        self._lock = threading.Lock()
        self._client: Client | None = None
        self._last: Summary | None = None
        self._read_at_s = 0.0

    def read(self) -> Summary:
        """Return the summary of now: at most `fresh_for_s` old, so that more readers are no more queries.

        Raises `ClickHouseAwayError`, and `GigawattError` when there is no schema yet.
        """
        with self._lock:
            if self._last is None or self._clock() - self._read_at_s > self._fresh_for_s:
                self._last = self._asked()
                self._read_at_s = self._clock()
            return self._last

    def _asked(self) -> Summary:
        self._last = None
        try:
            if self._client is None:
                self._client = self._connect()
            return summarize(read_rows(self._client))
        except ClickHouseError as error:
            self._client = None
            if any(name in str(error) for name in _UNKNOWN):
                raise GigawattError("ClickHouse has no Gigawatt schema yet; run: gigawatt migrate") from error
            raise ClickHouseAwayError(f"ClickHouse cannot answer ({why(error)})") from error


def read_rows(client: Client) -> Rows:
    """Read all rows of the summary. Raises the client's `ClickHouseError`."""

    def ask(sql: str, **parameters: int) -> Sequence[Sequence[Any]]:
        query = sql.replace("@shown", shown)
        rows: Sequence[Sequence[Any]] = client.query(query, parameters={**_PARAMETERS, **parameters}).result_rows
        return rows

    shown = _EVERY
    fleets = ask(_FLEETS)
    if fleets and fleets[0][4] > len(fleets):
        shown = _LARGEST
    now = ask(_NOW)[0][0]
    methods: dict[Key, list[MethodSum]] = {}
    for site, fleet, platform, *values in ask(_METHODS):
        methods.setdefault(Key(site, fleet, platform), []).append(MethodSum(*values))
    history: dict[Key, list[Mean]] = {}
    for site, fleet, platform, *values in ask(_HISTORY):
        history.setdefault(Key(site, fleet, platform), []).append(Mean(*values))
    samples_per_second, newest_ts, *delays_s, workers = ask(_FLOW)[0]
    p50_s, p99_s = (None if delay_s is None or math.isnan(delay_s) else delay_s for delay_s in delays_s)
    newest = {Key(*row[:3]): _fleet(*row[3:]) for row in ask(_NEWEST, at=int(now))}
    lines = {Key(*row[:3]) for row in fleets}
    return Rows(
        now=now,
        fleets=newest,
        lines=list(lines | (_tightest(newest) if shown == _LARGEST else newest.keys())),
        methods=methods,
        history=history,
        flow=Flow(samples_per_second, newest_ts, p50_s, p99_s, workers),
        refused_rows={reason: int(count) for reason, count in ask(_REFUSED)},
        energy_day_j=fleets[0][5] if fleets else 0.0,
        doubtful={Key(*row[:3]): Doubtful(*row[3:]) for row in ask(_DOUBTFUL)} if ask(_SUSPECTS) else {},
    )


def _tightest(fleets: Mapping[Key, Fleet]) -> set[Key]:
    """Return the fleets nearest their budgets: however small, they have a line."""
    drawn = {
        key: fleet.second.corrected_w / fleet.budget_w
        for key, fleet in fleets.items()
        if fleet.second and fleet.heard and fleet.budget_w
    }
    return set(heapq.nlargest(_TIGHTEST, drawn, key=lambda key: drawn[key]))


def _fleet(
    budget_w: float | None, expected: float, to_state: float, heard: int, time_s: int | None, *second: Any
) -> Fleet:
    return Fleet(
        budget_w, expected, to_state, heard=bool(heard), second=None if time_s is None else Second(time_s, *second)
    )
