"""What the panels of the board Fleet power ask; `@fleets` and `@chips` are the conditions of sql.py."""

# ruff: noqa: S608  queries are made of our own text

from typing import Final

NOW: Final = """
SELECT
    sum(drawn_w) AS power_w,
    sqrt(arraySum(w -> w * w, mapValues(sumMap(map(platform, ifNull(power_error_w, 0)))))) AS error_w,
    ifNull(sumIf(drawn_w, budget_w IS NULL), 0) AS unbudgeted_w,
    sum(budget_w) AS budget_total_w,
    sum(fleets.headroom_w) AS headroom_w,
    headroom_w / sumIf(budget_w, drawn_w IS NOT NULL) AS headroom,
    sumIf(power_chips_reporting, heard) / nullIf(sum(power_chips_expected), 0) AS coverage,
    sum(chips_expected) - sumIf(chips_reporting, heard) AS missing_chips,
    sum(doubled_chips) AS twice,
    min(age_s) AS newest_age_s
FROM fleet_states_at(at = $__toTime) AS fleets
WHERE @fleets
HAVING count() > 0
"""
GROUPS: Final = """
SELECT fleet_path, site, fleet, platform, power_estimated_w AS power_w, state, budget_w,
    1 - power_w / budget_w AS headroom, power_error_w AS error_w, if(heard, fleets.coverage, 0) AS coverage, age_s,
    1 - modelled_share AS measured
FROM fleet_states_at(at = $__toTime) AS fleets
WHERE @fleets
ORDER BY row_number() OVER (ORDER BY power_w DESC NULLS FIRST, fleet_path)
    WITH FILL FROM 1 TO 2 INTERPOLATE (fleet_path AS 'nothing in this range')
"""

# All fleets have a row at each time, so that one that is silent leaves a gap of its own.
AGAINST_BUDGET: Final = """
SELECT
    time, sum(fleets.power_w) AS power_w,
    power_w - (sqrt(arraySum(w -> w * w, mapValues(sumMap(map(platform, ifNull(error_w, 0)))))) AS band_w) AS low_w,
    power_w + band_w AS high_w,
    if(countIf(fleets.power_w IS NULL AND last_power_w IS NOT NULL AND power_chips_expected > 0) = 0, NULL,
        sumIf(last_power_w, power_chips_expected > 0)) AS with_silent_w,
    if(countIf(fleets.power_w IS NOT NULL AND fleets.budget_w IS NULL) = 0, NULL,
        sumIf(fleets.power_w, fleets.budget_w IS NOT NULL)) AS budgeted_w,
    sum(fleets.budget_w) AS budget_w, sum(power_chips_reporting) / nullIf(sum(power_chips_expected), 0) AS coverage
FROM fleet_power_between(since = $__fromTime, until = $__toTime, step_s = $__interval_s) AS fleets
WHERE @fleets
GROUP BY time
HAVING time <= min(complete_until)
ORDER BY time
"""
BY_GROUP: Final = """
SELECT time, fleet_path AS series, color, power_w
FROM fleet_power_between(since = $__fromTime, until = $__toTime, step_s = $__interval_s)
WHERE @fleets
QUALIFY time <= min(complete_until) OVER ()
ORDER BY time, series
"""

BY_ORIGIN: Final = """
SELECT time, sum(fleets.measured_w) AS measured_w, sum(fleets.modelled_w) AS modelled_w
FROM fleet_power_between(since = $__fromTime, until = $__toTime, step_s = $__interval_s) AS fleets
WHERE @fleets
GROUP BY time
HAVING time <= min(complete_until)
ORDER BY time
"""
COVERAGE_BY_GROUP: Final = """
SELECT time, fleet_path AS series, color, power_chips_reporting / nullIf(power_chips_expected, 0) AS coverage
FROM fleet_power_between(since = $__fromTime, until = $__toTime, step_s = $__interval_s)
WHERE @fleets
QUALIFY time <= min(complete_until) OVER ()
ORDER BY time, series
"""
ERROR_BY_GROUP: Final = """
SELECT time, fleet_path AS series, color, error_share
FROM fleet_power_between(since = $__fromTime, until = $__toTime, step_s = $__interval_s)
WHERE time <= complete_until AND @fleets
QUALIFY count(error_share) OVER (PARTITION BY series) > 0
ORDER BY time, series
"""

ENERGY: Final = """
SELECT sum(energy.today_wh) AS today_wh, sum(energy.month_wh) AS month_wh
FROM energy_at(at = $__toTime) AS energy
WHERE @chips
"""
ENERGY_BY_GROUP: Final = """
SELECT
    fleet_path, site, fleet, platform, sum(energy.today_wh) AS today_wh, sum(energy.month_wh) AS month_wh,
    month_wh / sum(month_wh) OVER () AS share
FROM energy_at(at = $__toTime) AS energy
WHERE @chips
GROUP BY fleet_path, site, fleet, platform
ORDER BY row_number() OVER (ORDER BY month_wh DESC, fleet_path)
    WITH FILL FROM 1 TO 2 INTERPOLATE (fleet_path AS 'nothing in this range')
"""

# Of each second, minute or hour that the range is read by, at which as many of the planned chips report as rules ask:
# the least power that was met is that of no gap.
_EACH: Final = "step_s = multiIf($__interval_s >= 3600, 3600, $__interval_s >= 30, 60, 1)"
_ENOUGH: Final = """sumIf(chips_reporting, fleets.budget_w IS NOT NULL) >=
            sumIf(chips_expected, fleets.budget_w IS NOT NULL)
            * (SELECT default_value FROM limits WHERE name = 'coverage_share')"""
DURATION: Final = f"""
SELECT share_of_time, power_w
FROM
(
    SELECT quantilesExact(
        1, 0.999, 0.99, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05, 0.01, 0)(total_w) AS watts
    FROM
    (
        SELECT time, sum(fleets.power_w) AS total_w
        FROM fleet_power_between(since = $__fromTime, until = $__toTime,
            {_EACH}) AS fleets
        WHERE @fleets
        GROUP BY time
        HAVING time <= min(complete_until) AND {_ENOUGH}
    )
    HAVING count(total_w) > 0
)
ARRAY JOIN ['peak', '0.1 %', '1 %', '5 %', '10 %', '20 %', '30 %', '40 %', '50 %', '60 %', '70 %', '80 %', '90 %',
    '95 %', '99 %', 'always'] AS share_of_time, watts AS power_w
"""
STRANDED: Final = f"""
SELECT
    quantileExact(0.999)(used_w) AS p999_w, argMax(planned_w, time) AS budget_w,
    budget_w - p999_w AS stranded_w, stranded_w / budget_w AS stranded
FROM
(
    SELECT
        time, sumIf(fleets.power_w, fleets.budget_w IS NOT NULL) AS used_w,
        sumIf(fleets.budget_w, last_power_w IS NOT NULL) AS planned_w
    FROM fleet_power_between(since = $__fromTime, until = $__toTime,
        {_EACH}) AS fleets
    WHERE @fleets
    GROUP BY time
    HAVING time <= min(complete_until) AND {_ENOUGH}
)
HAVING count(used_w) > 0
"""
STRANDED_BY_GROUP: Final = f"""
SELECT fleet_path, site, fleet, platform, budget_w - p999_w AS stranded_w, argMax(fleets.budget_w, time) AS budget_w,
    quantileExact(0.999)(fleets.power_w) AS p999_w, stranded_w / budget_w AS stranded
FROM fleet_power_between(since = $__fromTime, until = $__toTime,
    {_EACH}) AS fleets
WHERE @fleets
GROUP BY fleet_path, site, fleet, platform
HAVING budget_w IS NOT NULL AND p999_w IS NOT NULL
ORDER BY row_number() OVER (ORDER BY stranded_w DESC, fleet_path)
    WITH FILL FROM 1 TO 2 INTERPOLATE (fleet_path AS 'nothing in this range')
"""
