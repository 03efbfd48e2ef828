"""What the panels of the board Fleet power ask; `@name` is a fragment of sql.py."""

# ruff: noqa: S608  queries are made of our own text

from typing import Final

_DOUBTFUL: Final = "doubtful_fleets_between(since = $__toTime - 90, until = $__toTime)"
NOW: Final = f"""
SELECT
    sum(drawn_w) AS power_w,
    sqrt(arraySum(alike_w -> alike_w * alike_w, mapValues(sumMap(map(platform, ifNull(power_error_w, 0)))))) AS error_w,
    ifNull(sumIf(drawn_w, budget_w IS NULL), 0) AS unbudgeted_w,
    sum(budget_w) AS budget_total_w,
    sumIf(budget_w - drawn_w, drawn_w IS NOT NULL) AS headroom_w,
    headroom_w / sumIf(budget_w, drawn_w IS NOT NULL) AS headroom,
    sumIf(power_chips_reporting, heard) / nullIf(sum(power_chips_expected), 0) AS coverage,
    sum(chips_expected) - sumIf(chips_reporting, heard) AS missing_chips,
    (SELECT sum(chips) FROM {_DOUBTFUL} WHERE @chosen) AS twice,
    min(age_s) AS newest_age_s
FROM (SELECT *, ifNull(power_estimated_w, newest.power_w) AS drawn_w FROM @newest AS newest)
HAVING count() > 0
"""

AGAINST_BUDGET: Final = """
SELECT
    time,
    sum(known_w) AS power_w,
    power_w - (
        sqrt(arraySum(alike_w -> alike_w * alike_w, mapValues(sumMap(map(platform, ifNull(error_w, 0)))))) AS band_w
    ) AS low_w,
    power_w + band_w AS high_w,
    if(countIf(known_w IS NULL AND last_w IS NOT NULL AND expected > 0) = 0, NULL, sumIf(last_w, expected > 0))
        AS with_silent_w,
    if(countIf(planned_w IS NULL AND known_w IS NOT NULL) = 0, NULL, sumIf(known_w, planned_w IS NOT NULL))
        AS budgeted_w,
    sum(planned_w) AS budget_w,
    sum(reporting) / nullIf(sum(expected), 0) AS coverage
FROM
(
    SELECT
        time, platform, together.power_w AS known_w, error_w, last_w, together.budget_w AS planned_w,
        reporting, expected
    FROM @together AS together
)
GROUP BY time
ORDER BY time
"""
BY_GROUP: Final = """
SELECT time, @series AS series, together.power_w AS power_w
FROM @together AS together
ORDER BY time, series
"""
GROUPS: Final = f"""
SELECT
    site, fleet, platform,
    multiIf(
        newest.time IS NULL, 'silent',
        NOT heard, 'not heard of',
        (site, fleet, platform) IN (SELECT site, fleet, platform FROM {_DOUBTFUL}), 'doubtful',
        power_estimated_w > budget_w, 'over budget',
        power_chips_reporting < power_chips_expected * limits['coverage_share'], 'chips missing',
        power_estimated_w > budget_w * (1 - limits['headroom_share']), 'headroom low',
        'as planned') AS state,
    power_estimated_w AS power_w, budget_w,
    1 - power_estimated_w / budget_w AS headroom,
    power_error_w AS error_w,
    if(heard, coverage, 0) AS coverage,
    age_s,
    1 - modelled_share AS measured
FROM @newest AS newest
ORDER BY power_w DESC NULLS FIRST, site, fleet, platform
"""

BY_ORIGIN: Final = """
SELECT
    time,
    sum(reported_w * (1 - ifNull(modelled_share, 0))) AS measured_w,
    sum(reported_w * modelled_share) AS modelled_w
FROM @together
GROUP BY time
ORDER BY time
"""
COVERAGE_BY_GROUP: Final = """
SELECT time, @series AS series, reporting / nullIf(expected, 0) AS coverage
FROM @together
ORDER BY time, series
"""
ERROR_BY_GROUP: Final = """
SELECT $__timeInterval(lines.time) AS time, @series AS series, avg(power_error_w / power_estimated_w) AS error_share
FROM @lines AS lines
WHERE power_estimated_w > 0
GROUP BY time, series
ORDER BY time, series
"""

ENERGY: Final = """
SELECT
    sumIf(energy_j, time >= toStartOfDay($__toTime)) / 3600 AS today_wh,
    sum(energy_j) / 3600 AS month_wh
FROM power_by_hour
WHERE time >= toDateTime(toStartOfMonth($__toTime)) AND time <= $__toTime AND @chosen_chips
"""
ENERGY_BY_GROUP: Final = """
SELECT
    site, fleet, platform,
    sumIf(energy_j, time >= toStartOfDay($__toTime)) / 3600 AS today_wh,
    sum(energy_j) / 3600 AS month_wh,
    month_wh / sum(month_wh) OVER () AS share
FROM power_by_hour
WHERE time >= toDateTime(toStartOfMonth($__toTime)) AND time <= $__toTime AND @chosen_chips
GROUP BY site, fleet, platform
ORDER BY month_wh DESC, site, fleet, platform
"""

DURATION: Final = """
SELECT share_of_time, power_w
FROM
(
    SELECT quantilesExact(
        1, 0.999, 0.99, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05, 0.01, 0)(moments.power_w) AS watts
    FROM @moments AS moments
    HAVING count(moments.power_w) > 0
)
ARRAY JOIN
    ['peak', '0.1 %', '1 %', '5 %', '10 %', '20 %', '30 %', '40 %', '50 %', '60 %', '70 %', '80 %', '90 %', '95 %',
        '99 %', 'always'] AS share_of_time,
    watts AS power_w
"""
STRANDED: Final = """
SELECT
    quantileExact(0.999)(budgeted_w) AS p999_w,
    (
        SELECT sum(budget_w) FROM budgets_at(at = $__toTime)
        WHERE @chosen AND (site, fleet, platform) IN (
            SELECT site, fleet, platform FROM power_by_hour
            WHERE time >= toStartOfHour($__fromTime) AND time <= $__toTime)
    ) AS budget_w,
    budget_w - p999_w AS stranded_w,
    stranded_w / budget_w AS stranded
FROM @moments
HAVING count(budgeted_w) > 0
"""
STRANDED_BY_GROUP: Final = """
SELECT
    site, fleet, platform,
    any(budgets.budget_w) AS budget_w,
    quantileExact(0.999)(power_estimated_w) AS p999_w,
    budget_w - p999_w AS stranded_w,
    stranded_w / budget_w AS stranded
FROM @lines AS lines
INNER JOIN budgets_at(at = $__toTime) AS budgets USING (site, fleet, platform)
GROUP BY site, fleet, platform
ORDER BY stranded_w DESC, site, fleet, platform
"""
