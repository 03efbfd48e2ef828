"""What the panels of the board Utilization ask; `@name` is a fragment of sql.py."""

from typing import Final

# Ratios of sums: they are right before a second is complete, as long as what is missing is as busy as the rest.
NOW: Final = """
SELECT
    sum(utilization_seconds) / nullIf(sum(utilization_chip_seconds), 0) AS busy,
    sum(tensor_seconds) / nullIf(sum(tensor_chip_seconds), 0) AS tensor
FROM power_by_second
WHERE time >= $__toTime - INTERVAL @settled_s SECOND AND time < $__toTime AND @chosen_chips
HAVING count() > 0
"""
# The power of chips of which nobody says how busy they are is no power of busy chips: where only some of a group say
# it, their share of its energy is counted.
WATTS_PER_BUSY_NOW: Final = """
SELECT
    sum(energy_j * utilization_chip_seconds / chip_seconds) / nullIf(sum(utilization_seconds), 0) AS busy_chip_w
FROM power_by_second
WHERE time >= $__toTime - INTERVAL @settled_s SECOND AND time < $__toTime AND chip_seconds > 0 AND @chosen_chips
HAVING count() > 0
"""
IDLE_NOW: Final = """
SELECT sum(idle_w) AS idle_w, idle_w / sum(power_w) AS idle_share, sum(idle_chips) AS idle_chips
FROM @newest
WHERE power_w > 0
HAVING count() > 0
"""

BUSY: Final = """
SELECT
    $__timeInterval(sums.time) AS time, @series AS series,
    sum(utilization_seconds) / sum(utilization_chip_seconds) AS busy
FROM @sums AS sums
GROUP BY time, series
HAVING sum(utilization_chip_seconds) > 0
ORDER BY time, series
"""
TENSOR: Final = """
SELECT
    $__timeInterval(sums.time) AS time, @series AS series,
    sum(tensor_seconds) / sum(tensor_chip_seconds) AS tensor
FROM @sums AS sums
GROUP BY time, series
HAVING sum(tensor_chip_seconds) > 0
ORDER BY time, series
"""
GROUPS: Final = """
SELECT
    site, fleet, platform, model,
    sum(utilization_seconds) / nullIf(sum(utilization_chip_seconds), 0) AS busy,
    sum(tensor_seconds) / nullIf(sum(tensor_chip_seconds), 0) AS tensor,
    sum(energy_j) / sum(chip_seconds) AS chip_w,
    sum(energy_j * utilization_chip_seconds / chip_seconds) / nullIf(sum(utilization_seconds), 0) AS busy_chip_w,
    sum(energy_j) / 3600 AS energy_wh,
    sum(idle_j) / 3600 AS idle_wh,
    idle_wh / nullIf(energy_wh, 0) AS idle_share
FROM @sums
WHERE chip_seconds > 0 AND power_method != ''
GROUP BY site, fleet, platform, model
ORDER BY energy_wh DESC, site, fleet, platform, model
"""

IDLE_POWER: Final = """
SELECT $__timeInterval(lines.time) AS time, @series AS series, avg(lines.idle_w) AS idle_w
FROM @lines AS lines
GROUP BY time, series
ORDER BY time, series
"""
IDLE_SHARE: Final = """
SELECT $__timeInterval(sums.time) AS time, @series AS series, sum(idle_j) / sum(energy_j) AS idle_share
FROM @sums AS sums
GROUP BY time, series
HAVING sum(energy_j) > 0
ORDER BY time, series
"""

WATTS_PER_BUSY: Final = """
SELECT
    $__timeInterval(sums.time) AS time, @series AS series,
    sum(energy_j * utilization_chip_seconds / chip_seconds) / sum(utilization_seconds) AS busy_chip_w
FROM @sums AS sums
WHERE chip_seconds > 0 AND power_method != ''
GROUP BY time, series
HAVING sum(utilization_seconds) > 0
ORDER BY time, series
"""
BUSY_PER_KWH: Final = """
SELECT
    $__timeInterval(sums.time) AS time, @series AS series,
    1000 * sum(utilization_seconds) / sum(energy_j * utilization_chip_seconds / chip_seconds) AS chip_hours_per_kwh
FROM @sums AS sums
WHERE chip_seconds > 0 AND power_method != ''
GROUP BY time, series
HAVING sum(energy_j * utilization_chip_seconds) > 0
ORDER BY time, series
"""
TENSOR_PER_KWH: Final = """
SELECT
    $__timeInterval(sums.time) AS time, @series AS series,
    1000 * sum(tensor_seconds) / sum(energy_j * tensor_chip_seconds / chip_seconds) AS chip_hours_per_kwh
FROM @sums AS sums
WHERE chip_seconds > 0 AND power_method != ''
GROUP BY time, series
HAVING sum(energy_j * tensor_chip_seconds) > 0
ORDER BY time, series
"""
# A job's joules in a time in which each chip tells once: a second, or the minute of those that tell once a minute. That
# time ends where all of that cadence are complete. Rows of raw samples are found by their earliest sample: one that was
# stored after a backlog of more than ten seconds may be missed.
JOBS: Final = """
WITH cadences AS
(
    SELECT site, fleet, platform, if(sum(chip_seconds) / sum(samples) <= 1.5, 1, 60) AS every_s
    FROM power_by_second
    WHERE time >= $__toTime - INTERVAL @settled_s SECOND AND time < $__toTime AND @chosen_chips
    GROUP BY site, fleet, platform
    HAVING sum(samples) > 0
),
moments AS
(
    SELECT every_s, assumeNotNull(min(time)) + 1 AS until
    FROM @newest INNER JOIN cadences USING (site, fleet, platform)
    WHERE time IS NOT NULL
    GROUP BY every_s
),
samples AS
(
    SELECT job, site, fleet, platform, power_w, utilization, interval_ms, 1 AS every_s
    FROM series_samples
    WHERE batch_time > (SELECT max(until) FROM moments WHERE every_s = 1) - 11
        AND batch_time <= (SELECT max(until) FROM moments WHERE every_s = 1)
        AND ts > (SELECT max(until) FROM moments WHERE every_s = 1) - 1
        AND ts <= (SELECT max(until) FROM moments WHERE every_s = 1)
        AND (site, fleet, platform) IN (SELECT site, fleet, platform FROM cadences WHERE every_s = 1) AND @chosen_chips
    UNION ALL
    SELECT job, site, fleet, platform, power_w, utilization, interval_ms, 60 AS every_s
    FROM series_samples
    WHERE batch_time > (SELECT max(until) FROM moments WHERE every_s = 60) - 70
        AND batch_time <= (SELECT max(until) FROM moments WHERE every_s = 60)
        AND ts > (SELECT max(until) FROM moments WHERE every_s = 60) - 60
        AND ts <= (SELECT max(until) FROM moments WHERE every_s = 60)
        AND (site, fleet, platform) IN (SELECT site, fleet, platform FROM cadences WHERE every_s = 60) AND @chosen_chips
)
SELECT
    ifNull(job, '(none)') AS job_name, site, fleet, platform,
    sum(power_w * interval_ms / every_s) / 1000 AS power_w,
    sumIf(interval_ms / every_s, samples.power_w IS NOT NULL) / 1000 AS chips,
    power_w / nullIf(chips, 0) AS chip_w,
    sum(utilization * interval_ms) / nullIf(sumIf(interval_ms, utilization IS NOT NULL), 0) AS busy
FROM samples
GROUP BY job_name, site, fleet, platform
ORDER BY power_w DESC NULLS LAST, job_name, site, fleet, platform
LIMIT 20
"""
