"""What the panels of the board Utilization ask; `@fleets` and `@chips` are the conditions of sql.py."""

from typing import Final

# Ratios of sums: they are right before a second is complete, as long as what is missing is as busy as the rest.
NOW: Final = """
SELECT
    sum(utilization_seconds) / nullIf(sum(utilization_chip_seconds), 0) AS busy,
    sum(tensor_seconds) / nullIf(sum(tensor_chip_seconds), 0) AS tensor
FROM chip_sums_between(since = $__toTime - 180, until = $__toTime, step_s = 1)
WHERE @chips
HAVING count() > 0
"""
WATTS_PER_BUSY_NOW: Final = """
SELECT sum(utilization_known_j) / nullIf(sum(powered_utilization_seconds), 0) AS busy_chip_w
FROM chip_sums_between(since = $__toTime - 180, until = $__toTime, step_s = 1)
WHERE @chips
HAVING count() > 0
"""
IDLE_NOW: Final = """
SELECT
    sum(fleets.idle_w) AS idle_w, idle_w / sum(power_w) AS idle_share, sum(fleets.idle_chips) AS idle_chips
FROM fleets_at(at = $__toTime) AS fleets
WHERE power_w > 0 AND @fleets
HAVING count() > 0
"""

BUSY: Final = """
SELECT
    time, fleet_path AS series, color,
    sum(utilization_seconds) / nullIf(sum(utilization_chip_seconds), 0) AS busy
FROM chip_sums_between(since = $__fromTime, until = $__toTime, step_s = $__interval_s)
WHERE @chips
GROUP BY time, series, color
QUALIFY count(busy) OVER (PARTITION BY series) > 0
ORDER BY time, series
"""
TENSOR: Final = """
SELECT
    time, fleet_path AS series, color,
    sum(tensor_seconds) / nullIf(sum(tensor_chip_seconds), 0) AS tensor
FROM chip_sums_between(since = $__fromTime, until = $__toTime, step_s = $__interval_s)
WHERE @chips
GROUP BY time, series, color
QUALIFY count(tensor) OVER (PARTITION BY series) > 0
ORDER BY time, series
"""
GROUPS: Final = """
SELECT
    fleet_path, site, fleet, platform, model,
    sum(utilization_seconds) / nullIf(sum(utilization_chip_seconds), 0) AS busy,
    sum(tensor_seconds) / nullIf(sum(tensor_chip_seconds), 0) AS tensor,
    sum(energy_j) / nullIf(sum(powered_chip_seconds), 0) AS chip_w,
    sum(utilization_known_j) / nullIf(sum(powered_utilization_seconds), 0) AS busy_chip_w,
    toNullable(sum(energy_j) / 3600) AS energy_wh, toNullable(sum(idle_j) / 3600) AS idle_wh,
    idle_wh / nullIf(energy_wh, 0) AS idle_share
FROM chip_sums_between(since = $__fromTime, until = $__toTime, step_s = $__interval_s)
WHERE @chips
GROUP BY fleet_path, site, fleet, platform, model
HAVING sum(powered_chip_seconds) > 0
ORDER BY row_number() OVER (ORDER BY energy_wh DESC, site, fleet, platform, model)
    WITH FILL FROM 1 TO 2 INTERPOLATE (fleet_path AS 'nothing in this range')
"""

IDLE_POWER: Final = """
SELECT time, fleet_path AS series, color, idle_w
FROM fleet_power_between(since = $__fromTime, until = $__toTime, step_s = $__interval_s)
WHERE time <= complete_until AND @fleets
QUALIFY count(idle_w) OVER (PARTITION BY series) > 0
ORDER BY time, series
"""
IDLE_SHARE: Final = """
SELECT time, fleet_path AS series, color, sum(idle_j) / nullIf(sum(energy_j), 0) AS idle_share
FROM chip_sums_between(since = $__fromTime, until = $__toTime, step_s = $__interval_s)
WHERE @chips
GROUP BY time, series, color
QUALIFY count(idle_share) OVER (PARTITION BY series) > 0
ORDER BY time, series
"""

WATTS_PER_BUSY: Final = """
SELECT
    time, fleet_path AS series, color,
    sum(utilization_known_j) / nullIf(sum(powered_utilization_seconds), 0) AS busy_chip_w
FROM chip_sums_between(since = $__fromTime, until = $__toTime, step_s = $__interval_s)
WHERE @chips
GROUP BY time, series, color
QUALIFY count(busy_chip_w) OVER (PARTITION BY series) > 0
ORDER BY time, series
"""
BUSY_PER_KWH: Final = """
SELECT
    time, fleet_path AS series, color,
    1000 * sum(powered_utilization_seconds) / nullIf(sum(utilization_known_j), 0) AS chip_hours_per_kwh
FROM chip_sums_between(since = $__fromTime, until = $__toTime, step_s = $__interval_s)
WHERE @chips
GROUP BY time, series, color
QUALIFY count(chip_hours_per_kwh) OVER (PARTITION BY series) > 0
ORDER BY time, series
"""
TENSOR_PER_KWH: Final = """
SELECT
    time, fleet_path AS series, color,
    1000 * sum(powered_tensor_seconds) / nullIf(sum(tensor_known_j), 0) AS chip_hours_per_kwh
FROM chip_sums_between(since = $__fromTime, until = $__toTime, step_s = $__interval_s)
WHERE @chips
GROUP BY time, series, color
QUALIFY count(chip_hours_per_kwh) OVER (PARTITION BY series) > 0
ORDER BY time, series
"""

JOBS: Final = """
SELECT
    ifNull(job, '(none)') AS job_name, sum(job_w) AS power_w, fleet_path, site, fleet, platform,
    sum(job_chips) AS chips, power_w / nullIf(chips, 0) AS chip_w,
    sum(busy_s) / nullIf(sum(stated_s), 0) AS busy
FROM jobs_at(at = $__toTime)
WHERE @chips
GROUP BY job_name, fleet_path, site, fleet, platform
ORDER BY row_number() OVER (ORDER BY power_w DESC NULLS LAST, job_name, site, fleet, platform)
    WITH FILL FROM 1 TO 2 INTERPOLATE (job_name AS 'nothing in this range')
LIMIT 20
"""
