"""Queries of the power dynamics: changes between seconds that are whole.

A gap in the telemetry looks like a change of power to whoever adds up what arrives. So a change is told between seconds
of which enough of a fleet's chips reported, and as many at both ends, with nothing missing in between. What comes from
seconds is of the newest hour of the range: those of a day are more than can be read each time that somebody looks.
"""

# ruff: noqa: S608  queries are made of our own text

from typing import Final

from dashboards.oscillation import PERIODIC_SHARE, oscillation_sql
from dashboards.rule_sql import FRAGMENTS, FREQUENT_S, STEADY_COVERAGE
from schema.fleet_limits import DEFAULTS

EACH_SECOND_S: Final = 1.5
"""Longest mean interval of samples of which a change within a second can be told."""
EACH_MINUTE_S: Final = 65.0

_SINCE: Final = "greatest($__fromTime, $__toTime - INTERVAL 1 HOUR)"

_WHOLE: Final = """
(
    SELECT
        time AS second, site, fleet, platform,
        assumeNotNull(power_estimated_w) AS watts, ifNull(coverage, 1) AS reported, ifNull(budget_w, 0) AS budget_w,
        limits['coverage_share'] AS share, limits['drop_share'] AS drop_share
    FROM fleet_power_windows
    WHERE resolution_s = {resolution_s} AND time > {since} AND time <= $__toTime AND @chosen
        AND power_chips_reporting > 0 AND ifNull(coverage, 1) >= if(share > 0, share, @coverage_share)
)
"""
"""Windows of a fleet of which enough chips reported, corrected for the rest."""

_SECONDS: Final = _WHOLE.format(resolution_s=1, since=_SINCE)

_SAMPLED_WITHIN: Final = f"""
(site, fleet, platform) IN
(
    SELECT site, fleet, platform
    FROM power_by_minute
    WHERE time > {_SINCE} - INTERVAL 1 MINUTE AND time <= $__toTime AND power_method != '' AND @chosen_chips
    GROUP BY site, fleet, platform
    HAVING sum(chip_seconds) <= {{interval_s}} * sum(samples)
)
"""
"""A sample is a mean over its interval: what changes within it cannot be told."""

# As many chips at both ends, and nothing missing in between: a gap in what is told is no change of power.
_DIFFERENCES: Final = f"""
(
    SELECT second, site, fleet, platform, w_per_s
    FROM
    (
        SELECT
            second, site, fleet, platform,
            (watts - lagInFrame(watts, {{rows}}) OVER earlier) / {{lag_s}} AS w_per_s,
            second - lagInFrame(second, {{rows}}) OVER earlier AS lag,
            abs(reported - lagInFrame(reported, {{rows}}) OVER earlier) AS coverage_moved
        FROM {{whole}}
        WINDOW earlier AS (
            PARTITION BY site, fleet, platform ORDER BY second ROWS BETWEEN {{rows}} PRECEDING AND CURRENT ROW)
    )
    WHERE lag = {{lag_s}} AND coverage_moved <= {STEADY_COVERAGE}
)
"""


_STEEPEST_W_PER_S: Final = "if(max(abs({ramp})) < 1, 0, argMax({ramp}, abs({ramp})))"
"""Below a watt a second is nothing that matters, and would be told in milliwatts."""


def ramp(lag_s: int, interval_s: float) -> str:
    """Return the steepest change of each fleet in each interval; its sign says whether power rose or fell."""
    return f"""
SELECT $__timeInterval(second) AS time, @series AS series, {_STEEPEST_W_PER_S.format(ramp="w_per_s")} AS ramp
FROM {_DIFFERENCES.format(rows=lag_s, lag_s=lag_s, whole=_SECONDS)}
WHERE {_SAMPLED_WITHIN.format(interval_s=interval_s)}
GROUP BY time, series
ORDER BY time, series
"""


SITE_RAMP: Final = f"""
SELECT $__timeInterval(second) AS time, site AS series, {_STEEPEST_W_PER_S.format(ramp="site_w_per_s")} AS ramp
FROM
(
    SELECT second, site, sum(w_per_s) AS site_w_per_s
    FROM {_DIFFERENCES.format(rows=10, lag_s=10, whole=_SECONDS)}
    WHERE {_SAMPLED_WITHIN.format(interval_s=FREQUENT_S)}
    GROUP BY second, site
)
GROUP BY time, series
ORDER BY time, series
"""

WINDOW_S: Final = "if($__interval_s >= 3600, 3600, 60)"
MINUTE_TO_MINUTE: Final = f"""
SELECT $__timeInterval(second) AS time, @series AS series, {_STEEPEST_W_PER_S.format(ramp="w_per_s")} AS ramp
FROM {
    _DIFFERENCES.format(
        rows=1, lag_s=WINDOW_S, whole=_WHOLE.format(resolution_s=WINDOW_S, since=f"$__fromTime - {WINDOW_S}")
    )
}
GROUP BY time, series
ORDER BY time, series
"""

SWING: Final = f"""
SELECT $__timeInterval(minute) AS time, @series AS series, max(swing_w) AS swing
FROM
(
    SELECT toStartOfMinute(second) AS minute, site, fleet, platform, max(watts) - min(watts) AS swing_w
    FROM {_SECONDS}
    WHERE {_SAMPLED_WITHIN.format(interval_s=EACH_SECOND_S)}
    GROUP BY minute, site, fleet, platform
    HAVING count() = 60 AND max(reported) - min(reported) <= {STEADY_COVERAGE}
)
GROUP BY time, series
ORDER BY time, series
"""

# As the rules see a change: means of five seconds, ten seconds apart, so that the swing of a job's steps is none.
_CHANGES: Final = f"""
(
    SELECT second, site, fleet, platform, budget_w, drop_share, before_w, after_w, 1 - after_w / before_w AS lost
    FROM
    (
        SELECT
            second, site, fleet, platform, budget_w, drop_share,
            avg(watts) OVER (fleets ROWS BETWEEN 4 PRECEDING AND CURRENT ROW) AS after_w,
            avg(watts) OVER (fleets ROWS BETWEEN 14 PRECEDING AND 10 PRECEDING) AS before_w,
            min(second) OVER (fleets ROWS BETWEEN 14 PRECEDING AND CURRENT ROW) AS began,
            max(reported) OVER (fleets ROWS BETWEEN 14 PRECEDING AND CURRENT ROW)
                - min(reported) OVER (fleets ROWS BETWEEN 14 PRECEDING AND CURRENT ROW) AS coverage_moved
        FROM {_SECONDS}
        WINDOW fleets AS (PARTITION BY site, fleet, platform ORDER BY second)
    )
    WHERE began = second - 14 AND coverage_moved <= {STEADY_COVERAGE} AND before_w > 0
        AND {_SAMPLED_WITHIN.format(interval_s=FREQUENT_S)}
)
"""

# The five seconds after a change begin four seconds before the last of them.
STEEPEST: Final = f"""
SELECT
    site, fleet, platform,
    rise_w_per_s, rise_w_per_s / if(budget_w > 0, budget_w * {FRAGMENTS["ramp_share"]}, NULL) AS rise_of_limit,
    if(rise_w_per_s > 0, rise_at, NULL) AS rose_at,
    drop, drop / {FRAGMENTS["drop_share"]} AS drop_of_limit, if(drop > 0, drop_at, NULL) AS dropped_at
FROM
(
    SELECT
        site, fleet, platform,
        if(max(after_w - before_w) < 10, 0, max(after_w - before_w) / 10) AS rise_w_per_s,
        argMax(second, after_w - before_w) - 4 AS rise_at,
        greatest(maxIf(lost, before_w >= 0.1 * budget_w), 0) AS drop,
        argMaxIf(second, lost, before_w >= 0.1 * budget_w) - 4 AS drop_at
    FROM {_CHANGES}
    GROUP BY site, fleet, platform
) AS steepest
LEFT JOIN budgets_at(at = $__toTime) AS budgeted USING (site, fleet, platform)
ORDER BY rise_of_limit DESC, drop DESC, site, fleet, platform
"""

# A drop is told once: where it is deepest among the ten seconds before and after it, and the first of equals.
DROPS: Final = f"""
SELECT
    second - 4 AS dropped_at, site, fleet, platform, before_w, before_w - after_w AS lost_w, lost,
    uniqExact(fleet, platform) OVER (
        PARTITION BY site ORDER BY toUInt32(second) RANGE BETWEEN 9 PRECEDING AND 9 FOLLOWING) AS fleets_together
FROM
(
    SELECT
        second, site, fleet, platform, before_w, after_w, lost,
        max(rounded) OVER (fleets RANGE BETWEEN 10 PRECEDING AND 1 PRECEDING) AS earlier,
        max(rounded) OVER (fleets RANGE BETWEEN 1 FOLLOWING AND 10 FOLLOWING) AS later
    FROM
    (
        SELECT second, site, fleet, platform, before_w, after_w, lost, round(lost, 6) AS rounded
        FROM {_CHANGES}
        WHERE before_w >= 0.1 * budget_w AND lost > if(drop_share > 0, drop_share, {DEFAULTS["drop_share"]})
    )
    WINDOW fleets AS (PARTITION BY site, fleet, platform ORDER BY toUInt32(second))
)
WHERE round(lost, 6) > earlier AND round(lost, 6) >= later
ORDER BY dropped_at DESC, site, fleet, platform
LIMIT 100
"""

OSCILLATIONS: Final = f"""
SELECT
    site, fleet, platform, frequency_hz, 1 / frequency_hz AS period_s, size_w,
    if(budget_w > 0 AND share >= {PERIODIC_SHARE}, size_w / budget_w / {FRAGMENTS["oscillation_share"]}, NULL)
        AS size_of_limit,
    share, if(share >= {PERIODIC_SHARE}, 'steady', 'none') AS rhythm
FROM
(
{oscillation_sql()}
)
WHERE @chosen
ORDER BY size_of_limit DESC, size_w DESC, site, fleet, platform
"""
