"""What the queries of several panels share: fragments of SQL, put in where a query says `@name`.

A query is written as it is sent, with Grafana's macros and variables; `compose` puts the fragments in. All of them are
relative to the dashboard's time range, so that last week's range shows what was to be seen then.

    @chosen        what the dashboard's variables let through, of views that know no model: budgets, fleet_power,
                   fleet_power_windows
    @chosen_chips  the same, of views that know the model: power_by_*, chips, chip_names, chip_samples, series_samples;
                   without meters
    @resolution    which resolution_s to read for the range: seconds up to five hours, then minutes, hours from three
                   weeks on
    @series        the name of a line: site / fleet / platform
    @newest        a table: fleets_at of the end of the range, for the chosen groups, with all limits
    @lines         a table: fleet_power_windows over the range, at @resolution, of the chosen groups, each of them up
                   to its newest complete second
    @ends          a table: one row, with the time up to which all groups that still report are complete, and the groups
    @together      a table: a row for each point of the chart and each group, with null where nothing is known of it; up
                   to where all that still report are complete
    @moments       a table: one row per window at @resolution of which enough is known, with the sum of all groups, up
                   to where all that still report are complete
    @sums          a table: power_by_second, _minute or _hour over the range, at @resolution, of the chosen chips
    @settled_s     within so many seconds of the end of the range @newest looks
"""

import re
from collections.abc import Mapping
from textwrap import dedent, indent
from types import MappingProxyType
from typing import Final

from schema.fleet_limits import DEFAULTS
from schema.samples import METER_MODELS

_FRAGMENT: Final = re.compile(r"@(\w+)")


def _chosen(column: str) -> str:
    """Return the condition that a dashboard variable sets on its column; none where everything is chosen."""
    return f"$__conditionalAll({column} IN (${{{column}:singlequote}}), ${column})"


_GROUP: Final = " AND ".join(_chosen(column) for column in ("site", "fleet", "platform"))

# Budgets and coverage are known by platform and not by model: a chosen model picks the groups that have it.
_WITH_MODEL: Final = (
    "$__conditionalAll((site, fleet, platform) IN (SELECT site, fleet, platform FROM power_by_hour WHERE time >= "
    "toStartOfHour($__fromTime) AND time <= $__toTime AND model IN (${model:singlequote})), $model)"
)

_NEWEST: Final = """
SELECT * REPLACE(if(notEmpty(limits), limits, @default_limits) AS limits)
FROM fleets_at(at = $__toTime)
WHERE @chosen
"""

# A group is complete up to its newest complete second; one that has long been silent, in all that it has.
_LINES: Final = """
SELECT
    windows.time AS time, site, fleet, platform, power_w, power_estimated_w, power_error_w, chips_reporting,
    power_chips_reporting, power_chips_expected, coverage, utilization, tensor_utilization, modelled_share, idle_w,
    idle_chips, energy_j, budget_w, settled
FROM fleet_power_windows AS windows
LEFT JOIN
(
    SELECT site, fleet, platform, assumeNotNull(time) AS settled FROM @newest WHERE time IS NOT NULL
) AS newest USING (site, fleet, platform)
WHERE resolution_s = @resolution AND $__timeFilter(windows.time) AND @chosen
    AND (settled = toDateTime(0) OR windows.time + @resolution <= settled + 1)
"""

# Where all that still report are complete: what is missing behind it is on its way. And which groups there are.
_ENDS: Final = """
SELECT (ifNull(minIf(time, heard), $__toTime), groupArray((site, fleet, platform))) AS until_and_groups
FROM @newest
"""

# All groups have a row at each point, so that one that is silent leaves a gap of its own. Of a group that nobody
# planned, as many chips are missed as it had.
_TOGETHER: Final = """
WITH (SELECT until_and_groups FROM @ends) AS reach
SELECT
    points.time AS time, points.row.1 AS site, points.row.2 AS fleet, points.row.3 AS platform,
    points.row.4 AS power_w, points.row.5 AS error_w, points.row.6 AS reported_w, points.row.7 AS modelled_share,
    changes.budget_w AS budget_w,
    last_value(points.row.4) OVER before AS last_w,
    ifNull(points.row.8, 0) AS reporting,
    ifNull(points.row.9, if(changes.budget_w IS NULL, ifNull(last_value(points.row.9) OVER before, 0),
        toFloat64(changes.chips_expected))) AS expected
FROM
(
    SELECT time, row, row.1 AS site, row.2 AS fleet, row.3 AS platform
    FROM
    (
        SELECT
            time,
            groupArray((
                site, fleet, platform, power_w, error_w, reported_w, modelled_share, reporting, expected
            )) AS known,
            arrayFilter(one -> NOT has(arrayMap(row -> (row.1, row.2, row.3), known), one), reach.2) AS silent,
            arrayConcat(
                known, arrayMap(one -> (one.1, one.2, one.3, NULL, NULL, NULL, NULL, NULL, NULL), silent)) AS rows
        FROM
        (
            SELECT
                $__timeInterval(windows.time) AS time, site, fleet, platform,
                avg(power_estimated_w) AS power_w, avg(power_error_w) AS error_w,
                toNullable(avg(windows.power_w)) AS reported_w,
                sum(windows.power_w * windows.modelled_share) / sum(windows.power_w) AS modelled_share,
                toNullable(avg(power_chips_reporting)) AS reporting, toNullable(avg(power_chips_expected)) AS expected
            FROM fleet_power_windows AS windows
            WHERE resolution_s = @resolution AND $__timeFilter(windows.time) AND @chosen
                AND windows.time + @resolution <= reach.1 + 1
            GROUP BY time, site, fleet, platform
        )
        GROUP BY time
    )
    ARRAY JOIN rows AS row
) AS points
ASOF LEFT JOIN budget_changes AS changes
    ON points.site = changes.site AND points.fleet = changes.fleet AND points.platform = changes.platform
        AND points.time >= changes.since
WINDOW before AS (
    PARTITION BY points.site, points.fleet, points.platform ORDER BY points.time
    ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
"""

# Moments at which as many of the planned chips report as rules ask for: the least power that was met is that of no gap.
_MOMENTS: Final = """
WITH (SELECT until_and_groups FROM @ends) AS reach
SELECT time, power_w, budgeted_w
FROM
(
    SELECT
        windows.time AS time, 1 AS one, sum(power_estimated_w) AS power_w,
        sumIf(power_estimated_w, budget_w IS NOT NULL) AS budgeted_w,
        sumIf(chips_reporting, budget_w IS NOT NULL) AS reporting
    FROM fleet_power_windows AS windows
    WHERE resolution_s = @resolution AND $__timeFilter(windows.time) AND @chosen
        AND windows.time + @resolution <= reach.1 + 1
    GROUP BY time
) AS sums
ASOF LEFT JOIN
(
    SELECT 1 AS one, since, sum(sum(more)) OVER (ORDER BY since) AS planned
    FROM
    (
        SELECT
            since, if(budget_w IS NULL, 0, toInt64(chips_expected)) AS chips,
            chips - lagInFrame(chips) OVER (
                PARTITION BY site, fleet, platform ORDER BY since ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS more
        FROM budget_changes
        WHERE @chosen
    )
    GROUP BY since
) AS plan ON sums.one = plan.one AND sums.time >= plan.since
WHERE reporting >= @coverage_share * planned
"""

# The condition on the resolution is of constants: what does not hold is not read.
_SUMS: Final = """
SELECT @sum_columns FROM power_by_second WHERE @resolution = 1 AND $__timeFilter(time) AND @chosen_chips
UNION ALL
SELECT @sum_columns FROM power_by_minute WHERE @resolution = 60 AND $__timeFilter(time) AND @chosen_chips
UNION ALL
SELECT @sum_columns FROM power_by_hour WHERE @resolution = 3600 AND $__timeFilter(time) AND @chosen_chips
"""
_SUM_COLUMNS: Final = """time, site, fleet, platform, model, power_method, energy_j, chip_seconds, utilization_seconds,
        utilization_chip_seconds, tensor_seconds, tensor_chip_seconds, idle_j, idle_chip_seconds"""

TABLES: Final[Mapping[str, str]] = MappingProxyType(
    {"newest": _NEWEST, "lines": _LINES, "ends": _ENDS, "together": _TOGETHER, "moments": _MOMENTS, "sums": _SUMS},
)
"""In the order in which they build upon each other."""

FRAGMENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "chosen": f"({_GROUP} AND {_WITH_MODEL})",
        "chosen_chips": f"model NOT IN {METER_MODELS} AND {_GROUP} AND {_chosen('model')}",
        "resolution": "if($__interval_s >= 3600, 3600, if($__interval_s >= 30, 60, 1))",
        "series": "concat(site, ' / ', fleet, ' / ', platform)",
        "sum_columns": _SUM_COLUMNS,
        "settled_s": "180",
        "coverage_share": str(DEFAULTS["coverage_share"]),
        "default_limits": "map(" + ", ".join(f"'{name}', {value}" for name, value in DEFAULTS.items()) + ")",
    }
)


def compose(sql: str) -> str:
    """Return the query with its fragments in place: tables before it, each once, and the rest where it is named.

    Raises `KeyError` for a fragment that is not known.
    """
    sql = dedent(sql).strip()
    used: dict[str, str] = {}
    for name, text in reversed(list(TABLES.items())):
        if any(name in _FRAGMENT.findall(other) for other in (sql, *used.values())):
            used[name] = text
    tables = ",\n".join(f"{name} AS\n(\n{indent(used[name].strip(), '    ')}\n)" for name in reversed(used))
    if not used:
        return _filled(sql)
    return _filled(f"WITH {tables}" + (f",{own}" if (own := sql.removeprefix("WITH")) != sql else f"\n{sql}"))


def _filled(sql: str) -> str:
    while _FRAGMENT.search(sql):
        sql = _FRAGMENT.sub(lambda match: match[1] if match[1] in TABLES else FRAGMENTS[match[1]], sql)
    return sql
