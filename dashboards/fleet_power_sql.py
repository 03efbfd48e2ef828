"""What the panels of the board Fleet power ask; `@name` is a fragment of sql.py."""

# ruff: noqa: S608  queries are made of our own text

from typing import Final

_DOUBTFUL: Final = "doubtful_fleets_between(since = $__toTime - 90, until = $__toTime)"
POWER: Final = f"""
SELECT
    sum(ifNull(power_estimated_w, power_w)) AS power_w,
    toUnixTimestamp($__toTime) - toUnixTimestamp(max(newest.time)) - 1 AS age_s,
    (SELECT sum(chips) FROM {_DOUBTFUL} WHERE @chosen) AS twice
FROM @newest AS newest
"""
BUDGET: Final = "SELECT sum(budget_w) AS budget_w FROM budgets WHERE @chosen HAVING count() > 0"
HEADROOM_NOW: Final = """
SELECT sum(budget_w) - sum(power_estimated_w) AS headroom_w, headroom_w / sum(budget_w) AS headroom
FROM @newest
WHERE budget_w IS NOT NULL AND power_estimated_w IS NOT NULL
HAVING count() > 0
"""
COVERAGE_NOW: Final = """
SELECT sum(reporting) / sum(expected) AS coverage, sum(expected) - sum(reporting) AS missing_chips
FROM
(
    SELECT if(newest.time >= $__toTime - @old_s, chips_reporting, 0) AS reporting, chips_expected AS expected
    FROM @newest AS newest
)
HAVING sum(expected) > 0
"""
ERROR_NOW: Final = """
SELECT sqrt(sum(pow(alike_w, 2))) AS error_w, error_w / sum(platform_w) AS error_share
FROM
(
    SELECT sum(power_error_w) AS alike_w, sum(power_estimated_w) AS platform_w
    FROM @newest
    WHERE power_error_w IS NOT NULL
    GROUP BY platform
)
HAVING count() > 0
"""

AGAINST_BUDGET: Final = """
SELECT
    $__timeInterval(together.time) AS time,
    avg(together.power_w) AS power_w,
    avg(together.power_w - power_error_w) AS low_w,
    avg(together.power_w + power_error_w) AS high_w,
    (SELECT sum(budget_w) FROM @newest) AS budget_w,
    sum(together.chips_reporting) / sum(together.chips_expected) AS coverage
FROM @together AS together
GROUP BY time
ORDER BY time
"""
BY_GROUP: Final = """
SELECT $__timeInterval(lines.time) AS time, @series AS series, avg(power_estimated_w) AS power_w
FROM @lines AS lines
GROUP BY time, series
ORDER BY time, series
"""
GROUPS: Final = f"""
SELECT
    site, fleet, platform,
    multiIf(
        newest.time IS NULL, 'silent',
        newest.time < $__toTime - @old_s, 'not heard of',
        (site, fleet, platform) IN (SELECT site, fleet, platform FROM {_DOUBTFUL}), 'doubtful',
        power_estimated_w > budget_w, 'over budget',
        chips_reporting < chips_expected * limits['coverage_share'], 'chips missing',
        power_estimated_w > budget_w * (1 - limits['headroom_share']), 'headroom low',
        'as planned') AS state,
    power_estimated_w AS power_w, budget_w,
    1 - power_estimated_w / budget_w AS headroom,
    power_error_w AS error_w,
    if(chips_expected > 0, chips_reporting / chips_expected, NULL) AS coverage,
    toUnixTimestamp($__toTime) - toUnixTimestamp(newest.time) - 1 AS age_s,
    1 - modelled_share AS measured
FROM @newest AS newest
ORDER BY power_w DESC NULLS FIRST, site, fleet, platform
"""

BY_ORIGIN: Final = """
SELECT
    $__timeInterval(together.time) AS time,
    avgIf(reported_w - together.modelled_w, known) AS measured_w,
    avgIf(together.modelled_w, known) AS modelled_w
FROM @together AS together
GROUP BY time
ORDER BY time
"""
COVERAGE_BY_GROUP: Final = """
SELECT $__timeInterval(lines.time) AS time, @series AS series, avg(lines.coverage) AS coverage
FROM @lines AS lines
GROUP BY time, series
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
        1, 0.999, 0.99, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05, 0.01, 0)(together.power_w) AS watts
    FROM @together AS together
    HAVING count(together.power_w) > 0
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
        SELECT sum(budget_w) FROM budgets
        WHERE @chosen AND (site, fleet, platform) IN (
            SELECT site, fleet, platform FROM power_by_hour
            WHERE time >= toStartOfHour($__fromTime) AND time <= $__toTime)
    ) AS budget_w,
    budget_w - p999_w AS stranded_w,
    stranded_w / budget_w AS stranded
FROM @together
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
INNER JOIN (SELECT site, fleet, platform, budget_w FROM budgets) AS budgets USING (site, fleet, platform)
GROUP BY site, fleet, platform
ORDER BY stranded_w DESC, site, fleet, platform
"""
