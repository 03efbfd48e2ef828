"""Reads the summary's rows from ClickHouse: short queries, each over a bounded time and for a bounded number of fleets.

Which fleets have a line is asked first; what the others draw together is asked only where there are any.
"""

import math
import threading
import time
from collections.abc import Callable, Sequence
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
    Flow,
    Key,
    Mean,
    MethodSum,
    Others,
    Rows,
    Second,
)
from dashboards.live.summary import Summary, summarize
from schema.clickhouse import ClickHouseAwayError, why
from schema.errors import GigawattError
from schema.samples import METER_MODELS

_UNKNOWN: Final = ("UNKNOWN_TABLE", "UNKNOWN_DATABASE")
# What meters show stands beside what their chips draw, and is no part of it.
_PARAMETERS: Final = {
    "window_s": WINDOW_S, "history_s": HISTORY_S, "step_s": HISTORY_STEP_S, "meters": list(METER_MODELS),
    "most": MOST,
    "doubtful_s": DOUBTFUL_S,
}  # fmt: skip

_NOW = "SELECT toFloat64(now64(3))"
# The sums over all fleets stand in every row. A day is its whole hours and the minutes before them.
_FLEETS = """
SELECT
    site, fleet, platform, max(declared), sum(budget_w) AS budget, sum(joules) AS energy_j,
    count() OVER () AS fleets, sum(budget) OVER (), sum(energy_j) OVER ()
FROM
(
    SELECT site, fleet, platform, true AS declared, toFloat64(budget_w) AS budget_w, 0. AS joules FROM budgets
    UNION ALL
    SELECT site, fleet, platform, false, 0., sum(energy_j)
    FROM power_by_hour
    WHERE time >= toStartOfHour(now() - INTERVAL 23 HOUR) AND model NOT IN {meters:Array(String)}
    GROUP BY site, fleet, platform
    UNION ALL
    SELECT site, fleet, platform, false, 0., sum(energy_j)
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
_EXPECTED = "SELECT site, fleet, platform, toFloat64(chips_expected) FROM expected_chips WHERE @shown"
_EXPECTED_OF_OTHERS = "SELECT sum(toFloat64(chips_expected)) FROM expected_chips WHERE NOT @shown"
# Without the percentiles: the engine then leaves the histograms unread.
_SECONDS = """
SELECT site, fleet, platform, toUInt32(time), power_w, power_estimated_w, power_error_w, chips_reporting,
    chips_expected, coverage, utilization, tensor_utilization, modelled_share
FROM fleet_power WHERE time >= now() - {window_s:UInt32} AND time <= now() AND @shown ORDER BY time
"""
_SECONDS_OF_OTHERS = """
SELECT toUInt32(time), sum(energy_j), sumIf(chip_seconds, power_method != '')
FROM power_by_second
WHERE time >= now() - {window_s:UInt32} AND time <= now() AND model NOT IN {meters:Array(String)} AND NOT @shown
GROUP BY time ORDER BY time
"""
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

    def ask(sql: str) -> Sequence[Sequence[Any]]:
        query = sql.replace("@shown", shown)
        rows: Sequence[Sequence[Any]] = client.query(query, parameters=_PARAMETERS).result_rows
        return rows

    shown = _EVERY
    fleets = ask(_FLEETS)
    if fleets and fleets[0][6] > len(fleets):
        shown = _LARGEST
    seconds: dict[Key, list[Second]] = {}
    for site, fleet, platform, *values in ask(_SECONDS):
        seconds.setdefault(Key(site, fleet, platform), []).append(Second(*values))
    methods: dict[Key, list[MethodSum]] = {}
    for site, fleet, platform, *values in ask(_METHODS):
        methods.setdefault(Key(site, fleet, platform), []).append(MethodSum(*values))
    history: dict[Key, list[Mean]] = {}
    for site, fleet, platform, *values in ask(_HISTORY):
        history.setdefault(Key(site, fleet, platform), []).append(Mean(*values))
    budgets = {Key(*row[:3]): row[4] for row in fleets if row[3]}
    energy_day_j = {Key(*row[:3]): row[5] for row in fleets}
    silent = (budgets.keys() | energy_day_j.keys()) - seconds.keys()
    samples_per_second, newest_ts, *delays_s, workers = ask(_FLOW)[0]
    p50_s, p99_s = (None if delay_s is None or math.isnan(delay_s) else delay_s for delay_s in delays_s)
    return Rows(
        now=ask(_NOW)[0][0],
        budgets=budgets,
        # Where all report, their seconds tell it; else it may cost a look at the whole inventory.
        expected={Key(*row[:3]): row[3] for row in ask(_EXPECTED)} if silent else {},
        seconds=seconds,
        methods=methods,
        history=history,
        flow=Flow(samples_per_second, newest_ts, p50_s, p99_s, workers),
        refused_rows={reason: int(count) for reason, count in ask(_REFUSED)},
        energy_day_j=energy_day_j,
        doubtful={Key(*row[:3]): Doubtful(*row[3:]) for row in ask(_DOUBTFUL)} if ask(_SUSPECTS) else {},
        others=_others(fleets, ask),
    )


def _others(fleets: Sequence[Sequence[Any]], ask: Callable[[str], Sequence[Sequence[Any]]]) -> Others:
    """Read what the fleets without a line draw together."""
    if not fleets or fleets[0][6] == len(fleets):
        return Others()
    seconds = [
        Second(
            time, power_w, power_estimated_w=None, power_error_w=None, chips_reporting=chips, chips_expected=0.0,
            coverage=None, utilization=None, tensor_utilization=None, modelled_share=None,
        )
        for time, power_w, chips in ask(_SECONDS_OF_OTHERS)
    ]  # fmt: skip
    _, _, _, _, _, _, count, budget_w, energy_j = fleets[0]
    return Others(
        fleets=count - len(fleets),
        budget_w=budget_w - math.fsum(row[4] for row in fleets),
        chips_expected=ask(_EXPECTED_OF_OTHERS)[0][0],
        energy_day_j=energy_j - math.fsum(row[5] for row in fleets),
        seconds=seconds,
    )
