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
    @newest        a table: one row per chosen site, fleet and platform with the newest complete second, the budget,
                   the expected chips and the limits; where nothing was reported lately, or there is no budget, null
                   stands for it
    @lines         a table: fleet_power_windows over the range, at @resolution, of the chosen groups, each of them up
                   to its newest complete second
    @together      a table: one row per window of @lines in which all groups are complete, with the sums of all; power
                   is null where more of the chips are in groups that tell nothing than may be missing
    @sums          a table: power_by_second, _minute or _hour over the range, at @resolution, of the chosen chips
    @reach_s       so many seconds does a sample reach back at most
    @old_s         a group of which the newest complete second is older, in seconds, is not heard of any more
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

# Complete is a second of which enough chips have reported, and hardly any fewer than of the seconds before it: then no
# more are to come. The newest of these is shown. Where there is none, it is the newest of those of which the most have:
# chips that fell silent are not waited for.
_NEWEST: Final = """
SELECT
    site, fleet, platform,
    max(budget_w) AS budget_w,
    max(chips_expected) AS chips_expected,
    argMax(set_limits, length(set_limits)) AS longest,
    if(notEmpty(longest), longest, @default_limits) AS limits,
    argMax(second, (least(round(second.6, 2), enough), whole, second.1)) AS newest,
    if(newest.6 < 0, NULL, newest.1) AS time,
    newest.2 AS power_w, newest.3 AS power_estimated_w, newest.4 AS power_error_w, newest.5 AS chips_reporting,
    newest.7 AS modelled_share, newest.8 AS utilization, newest.9 AS tensor_utilization,
    newest.10 AS idle_w, newest.11 AS idle_chips
FROM
(
    SELECT
        *, max(share) OVER (PARTITION BY site, fleet, platform) AS set_share,
        if(set_share > 0, set_share, @coverage_share) AS enough
    FROM
    (
        SELECT
            site, fleet, platform, NULL AS budget_w, chips_expected, 0 AS share,
            CAST(map(), 'Map(String, Float64)') AS set_limits,
            chips_reporting >= 0.98 * max(chips_reporting) OVER (
                PARTITION BY site, fleet, platform ORDER BY time ROWS BETWEEN 15 PRECEDING AND CURRENT ROW
            ) AS whole,
            (time, toNullable(power_w), power_estimated_w, power_error_w, chips_reporting, ifNull(coverage, 1),
                modelled_share, utilization, tensor_utilization,
                toNullable(idle_w), toNullable(idle_chips)) AS second
        FROM fleet_power_windows
        WHERE resolution_s = 1 AND time >= $__toTime - INTERVAL @settled_s SECOND AND time < $__toTime AND @chosen
        UNION ALL
        SELECT
            site, fleet, platform, budget_w, toFloat64(chips_expected), limits['coverage_share'], limits, false,
            (toDateTime(0, 'UTC'), NULL, NULL, NULL, 0., -1., NULL, NULL, NULL, NULL, NULL)
        FROM budgets
        WHERE @chosen
    )
)
GROUP BY site, fleet, platform
"""

# A group is complete up to its newest complete second; one that has long been silent, in all that it has.
_LINES: Final = """
SELECT
    windows.time AS time, site, fleet, platform, power_w, power_estimated_w, power_error_w, chips_reporting,
    chips_expected, coverage, utilization, tensor_utilization, modelled_share, idle_w, idle_chips, energy_j, settled
FROM fleet_power_windows AS windows
LEFT JOIN
(
    SELECT site, fleet, platform, assumeNotNull(time) AS settled FROM @newest WHERE time IS NOT NULL
) AS newest USING (site, fleet, platform)
WHERE resolution_s = @resolution AND $__timeFilter(windows.time) AND @chosen
    AND (settled = toDateTime(0) OR windows.time <= settled)
"""

# Where groups are missing that were there before, with more of the chips than may be missing, the sum is not known: a
# gap in what is told must not look like a drop of the load. Nor is it known just before groups begin: the first sample
# of a device that tells means of a minute reaches back to before the others. A group without a budget that is silent
# for a quarter of an hour has left. Errors of one platform's groups are alike and add up, those of different platforms
# are independent.
_TOGETHER: Final = """
SELECT
    time,
    max(planned_now) OVER (ORDER BY time RANGE BETWEEN UNBOUNDED PRECEDING AND @reach_s FOLLOWING)
        + max(expected_now - planned_now) OVER (ORDER BY time RANGE BETWEEN 900 PRECEDING AND @reach_s FOLLOWING)
        AS chips_expected,
    expected_now >= @coverage_share * chips_expected AS known,
    if(known, estimated_w, NULL) AS power_w,
    if(known, budgeted_estimated_w, NULL) AS budgeted_w,
    error_w AS power_error_w,
    chips_reporting,
    reported_w,
    modelled_w
FROM
(
    SELECT
        time,
        sum(estimated_w) AS estimated_w, sum(budgeted_estimated_w) AS budgeted_estimated_w,
        sqrt(sum(pow(error_w, 2))) AS error_w, sum(chips_reporting) AS chips_reporting,
        sum(expected_now) AS expected_now, sum(planned_now) AS planned_now,
        sum(reported_w) AS reported_w, sum(modelled_w) AS modelled_w
    FROM
    (
        SELECT
            time, platform,
            sum(power_estimated_w) AS estimated_w,
            sumIf(power_estimated_w, (site, fleet, platform) IN (SELECT site, fleet, platform FROM budgets))
                AS budgeted_estimated_w,
            sum(power_error_w) AS error_w,
            sum(lines.chips_reporting) AS chips_reporting,
            sum(lines.chips_expected) AS expected_now,
            sumIf(lines.chips_expected, (site, fleet, platform) IN (SELECT site, fleet, platform FROM budgets))
                AS planned_now,
            sum(power_w) AS reported_w,
            sum(power_w * modelled_share) AS modelled_w
        FROM @lines AS lines
        WHERE time <= ifNull((SELECT min(time) FROM @newest), $__toTime)
        GROUP BY time, platform
    )
    GROUP BY time
)
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
    {"newest": _NEWEST, "lines": _LINES, "together": _TOGETHER, "sums": _SUMS},
)
"""In the order in which they build upon each other."""

FRAGMENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "chosen": f"({_GROUP} AND {_WITH_MODEL})",
        "chosen_chips": f"model NOT IN {METER_MODELS} AND {_GROUP} AND {_chosen('model')}",
        "resolution": "if($__interval_s >= 3600, 3600, if($__interval_s >= 30, 60, 1))",
        "series": "concat(site, ' / ', fleet, ' / ', platform)",
        "sum_columns": _SUM_COLUMNS,
        "old_s": "100",
        "settled_s": "180",
        "reach_s": "60",
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
