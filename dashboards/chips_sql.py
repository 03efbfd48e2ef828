"""Queries of hosts and chips: raw samples of the newest second, the inventory, and one chip's history."""

# ruff: noqa: S608  queries are made of our own text

from typing import Final

from dashboards.newest_samples import BACK_S, NEAR_NEWEST, NEWEST, OF_NEWEST
from dashboards.rule_sql import FRAGMENTS, compose

_SILENT_S: Final = 300
"""Each chip's time of last being seen is renewed every few seconds to three minutes."""
_HORIZON: Final = compose("@horizon")

# As the rules chips_silent and chips_doubled see it: a chip that moved to another host is the same chip. Hashes stand
# for names, of which there are a million.
_INVENTORY: Final = f"""
(
    SELECT fleet_key, count() AS known, countIf(seen > {_HORIZON} - {_SILENT_S}) AS alive
    FROM
    (
        SELECT cityHash64(site, fleet, platform) AS fleet_key, cityHash64(chip) AS chip_key, max(last_seen) AS seen
        FROM chip_sightings
        WHERE live_seen > {_HORIZON} - 86400 AND first_seen <= $__toTime AND @chosen_chips
        GROUP BY fleet_key, chip_key
    )
    GROUP BY fleet_key
)
"""
_REPORTED: Final = f"""
(
    SELECT site, fleet, platform, toNullable(sum(sums.chip_seconds) / 60) AS reported
    FROM power_by_second AS sums
    INNER JOIN {NEWEST} AS newest_of USING (site, fleet, platform)
    WHERE time > $__toTime - {BACK_S + 60} AND time > newest - 60 AND time <= newest AND power_method != ''
        AND @chosen_chips
    GROUP BY site, fleet, platform
)
"""
_THROTTLED_SHARE: Final = """
(
    SELECT
        site, fleet, platform,
        toNullable(sum(power_capped_chip_seconds) / sum(throttle_chip_seconds)) AS capped,
        toNullable(sum(thermal_chip_seconds) / sum(throttle_chip_seconds)) AS hot,
        toNullable(sum(hardware_throttled_chip_seconds) / sum(throttle_chip_seconds)) AS slowed
    FROM power_by_minute
    WHERE time > $__toTime - 256 AND time <= $__toTime - 135 AND @chosen_chips
    GROUP BY site, fleet, platform
    HAVING sum(throttle_chip_seconds) > 0
)
"""
FLEETS: Final = f"""
SELECT
    site, fleet, platform,
    known, known - alive AS silent, (1 - alive / known) / {FRAGMENTS["silent_share"]} AS silent_of_limit,
    if(reported IS NULL, NULL, greatest(reported - alive, 0)) AS twice,
    twice / nullIf(alive, 0) / {FRAGMENTS["silent_share"]} AS twice_of_limit,
    capped, hot, slowed, greatest(capped, hot, slowed) / {FRAGMENTS["throttled_share"]} AS throttled_of_limit
FROM
(
    SELECT DISTINCT site, fleet, platform, cityHash64(site, fleet, platform) AS fleet_key
    FROM power_by_hour
    WHERE time >= toStartOfHour($__toTime - 86400) AND time <= $__toTime AND @chosen_chips
) AS fleets
INNER JOIN {_INVENTORY} AS inventory USING (fleet_key)
LEFT JOIN {_REPORTED} AS reports USING (site, fleet, platform)
LEFT JOIN {_THROTTLED_SHARE} AS throttling USING (site, fleet, platform)
LEFT JOIN budgets_at(at = $__toTime) AS budgeted USING (site, fleet, platform)
ORDER BY greatest(silent_of_limit, ifNull(twice_of_limit, 0), ifNull(throttled_of_limit, 0)) DESC, site, fleet, platform
"""


def _outliers(condition: str, most: int) -> str:
    """Return the hosts whose chips are, on average, farthest from the mean of their fleet and model."""
    return f"""
SELECT site, fleet, platform, model, host, host_w, host_w / fleet_w AS of_fleet, busy, hottest_c
FROM
(
    SELECT
        site, fleet, platform, model, host,
        avg(power_w) AS host_w, avg(host_w) OVER (PARTITION BY site, fleet, platform, model) AS fleet_w,
        avg(utilization) AS busy, max(temperature_c) AS hottest_c
    FROM chip_samples
    WHERE {condition}
    GROUP BY site, fleet, platform, model, host
)
WHERE fleet_w > 0
ORDER BY abs(of_fleet - 1) DESC, site, host
LIMIT {most}
"""


OUTLIERS: Final = _outliers(OF_NEWEST, 20)

# A heatmap of Grafana puts the column's name before each label, but for this one.
# Which hosts is asked for twice, and worked out once, as a scalar: but not where there are scalars in it.
_OUTLIERS_CHIPS: Final = f"""
(
    SELECT groupArray((series, concat(site, ' / ', host), host_key))
    FROM chip_names
    WHERE (site, fleet, platform, host) IN
        (SELECT site, fleet, platform, host FROM ({_outliers(NEAR_NEWEST, 12)}))
)
"""
HEATMAP: Final = f"""
SELECT toStartOfMinute(batch_time) AS time, chips.label AS series, avg(power_w) AS Value
FROM series_samples AS samples
INNER JOIN
(
    SELECT chip.1 AS series, chip.2 AS label FROM (SELECT {_OUTLIERS_CHIPS} AS outliers) ARRAY JOIN outliers AS chip
) AS chips USING (series)
WHERE batch_time >= toStartOfMinute($__toTime - 600) AND batch_time <= $__toTime AND @chosen_chips
    AND (toUnixTimestamp(batch_time) % 60 = 0
        OR has((SELECT groupUniqArray(platform) FROM {NEWEST} WHERE interval_s > 1), platform))
    AND arrayExists(
        key -> samples.host_key <= key AND samples.host_key_last >= key, arrayDistinct({_OUTLIERS_CHIPS}.3))
GROUP BY time, chips.label
ORDER BY time, chips.label
"""

_CAUSES: Final = "[('power cap', 1), ('heat', 2), ('hardware', 4), ('other', 8)]"
COUNTS: Final = f"""
SELECT bit.1 AS cause, uniqExactIf(series, bitAnd(bits, bit.2) > 0) AS chips
FROM (SELECT series, assumeNotNull(throttle) AS bits FROM series_samples WHERE {OF_NEWEST} AND throttle > 0)
ARRAY JOIN {_CAUSES} AS bit
GROUP BY bit
ORDER BY bit.2
"""
THROTTLED: Final = f"""
SELECT
    site, fleet, platform, host, chip,
    arrayStringConcat(arrayMap(bit -> bit.1, arrayFilter(bit -> bitAnd(bits, bit.2) > 0, {_CAUSES})), ', ')
        AS causes,
    power_w, temperature_c
FROM
(
    SELECT site, fleet, platform, host, chip, assumeNotNull(throttle) AS bits, power_w, temperature_c
    FROM chip_samples
    WHERE {OF_NEWEST} AND throttle > 0
    LIMIT 1 BY site, fleet, platform, host, chip
)
ORDER BY temperature_c DESC NULLS LAST, site, fleet, platform, host, chip
LIMIT 100
"""


def _by_resolution(view: str, resolution_s: int) -> str:
    return f"""
    SELECT time, throttle_chip_seconds, power_capped_chip_seconds, thermal_chip_seconds, hardware_throttled_chip_seconds
    FROM {view}
    WHERE @resolution = {resolution_s} AND $__timeFilter(time) AND @chosen_chips"""


OVER_TIME: Final = f"""
SELECT
    $__timeInterval(sums.time) AS time,
    sum(power_capped_chip_seconds) / sum(throttle_chip_seconds) AS capped,
    sum(thermal_chip_seconds) / sum(throttle_chip_seconds) AS hot,
    sum(hardware_throttled_chip_seconds) / sum(throttle_chip_seconds) AS slowed
FROM
({_by_resolution("power_by_second", 1)}
    UNION ALL{_by_resolution("power_by_minute", 60)}
    UNION ALL{_by_resolution("power_by_hour", 3600)}
) AS sums
GROUP BY time
HAVING sum(throttle_chip_seconds) > 0
ORDER BY time
"""


def ranking(reading: str, order: str) -> str:
    """Return the ten chips that come first; a chip may have a few samples, so a few more of these are taken."""
    return f"""
SELECT site, fleet, platform, host, chip, power_w, temperature_c, utilization, job
FROM
(
    SELECT site, fleet, platform, host, chip, power_w, temperature_c, utilization, job
    FROM chip_samples
    WHERE {OF_NEWEST} AND {reading} IS NOT NULL
    ORDER BY {reading} {order}
    LIMIT 50
)
ORDER BY {reading} {order}, site, fleet, platform, host, chip
LIMIT 1 BY site, fleet, platform, host, chip
LIMIT 10
"""


SILENT: Final = f"""
SELECT
    site, fleet, platform, newest_host AS host,
    countIf(seen <= {_HORIZON} - {_SILENT_S}) AS silent, count() AS chips,
    toDateTime(maxIf(seen, seen <= {_HORIZON} - {_SILENT_S})) AS last_seen
FROM
(
    SELECT site, fleet, platform, argMax(host, series.last_seen) AS newest_host, max(series.last_seen) AS seen
    FROM chip_sightings AS series
    WHERE series.live_seen > {_HORIZON} - 86400 AND first_seen <= $__toTime AND @chosen_chips AND host IN
    (
        SELECT host
        FROM chip_sightings
        WHERE cityHash64(site, fleet, platform, chip) IN
        (
            SELECT cityHash64(site, fleet, platform, chip) AS chip_key
            FROM chip_sightings
            WHERE live_seen > {_HORIZON} - 86400 AND first_seen <= $__toTime AND @chosen_chips
            GROUP BY chip_key
            HAVING max(last_seen) <= {_HORIZON} - {_SILENT_S}
        )
    )
    GROUP BY site, fleet, platform, chip
)
GROUP BY site, fleet, platform, newest_host
HAVING silent > 0
ORDER BY silent DESC, last_seen DESC, site, fleet, platform, host
LIMIT 100
"""

DOUBLED: Final = """
SELECT
    site, fleet, platform, chip,
    arrayStringConcat(arraySlice(arraySort(groupUniqArrayArray(doubled.hosts)), 1, 4), ', ') AS reported_by,
    arrayStringConcat(arraySort(groupUniqArrayArray(doubled.methods)), ', ') AS power_methods,
    count() AS seconds, max(doubled.samples) AS samples_at_once, avg(doubled.power_w) AS counted_w, max(time) AS newest
FROM doubtful_chips_between(since = $__toTime - 90, until = $__toTime) AS doubled
WHERE @chosen
GROUP BY site, fleet, platform, chip
ORDER BY seconds DESC, site, fleet, platform, chip
LIMIT 100
"""
TWO_NAMES: Final = f"""
SELECT
    site, fleet, platform, chip, count() AS names,
    arrayStringConcat(arraySort(groupArray(concat(model, ' on ', host))), ', ') AS told_as
FROM chip_names
WHERE last_seen > {_HORIZON} - {_SILENT_S} AND cityHash64(site, fleet, platform, chip) IN
(
    SELECT cityHash64(site, fleet, platform, chip) AS chip_key
    FROM chip_sightings
    WHERE last_seen > {_HORIZON} - {_SILENT_S} AND first_seen <= $__toTime AND @chosen_chips
    GROUP BY chip_key
    HAVING min(series) != max(series)
    LIMIT 100
)
GROUP BY site, fleet, platform, chip
ORDER BY site, fleet, platform, chip
"""

CHIP: Final = """
SELECT
    site, fleet, platform, model, host, chip, toDateTime64(first_seen, 3, 'UTC') AS first_seen,
    toDateTime64(last_seen, 3, 'UTC') AS last_seen
FROM chip_names
WHERE chip = ${chip:singlequote} AND @chosen_chips
ORDER BY last_seen DESC, site, fleet, platform, host
"""


NO_CHIP: Final = (
    "if(${chip:singlequote} = '', 'type the name of a chip above, or follow a link', 'no chip of that name is known')"
)
EACH_SAMPLE: Final = "greatest($__interval_s, sample_s, 5)"


def history(values: str) -> str:
    """Return lines of a chip's readings; `values` is an array of pairs of a name and a reading."""
    found = "FROM chip_names WHERE chip = ${chip:singlequote} AND @chosen_chips"
    return f"""
SELECT
    $__timeInterval(samples.ts) AS time, concat(chips.label, value.1) AS series, avg(value.2) AS reading,
    max(interval_ms) / 1000 AS sample_s
FROM series_samples AS samples
INNER JOIN (SELECT series, concat(site, ' / ', fleet, ' / ', host) AS label {found}) AS chips USING (series)
ARRAY JOIN {values} AS value
WHERE batch_time > greatest($__fromTime, $__toTime - INTERVAL 1 HOUR) AND batch_time <= $__toTime
    AND (site, fleet, platform, model) IN (SELECT site, fleet, platform, model {found})
    AND samples.host_key <= (SELECT max(host_key) {found}) AND samples.host_key_last >= (SELECT min(host_key) {found})
    AND samples.series IN (SELECT series {found}) AND value.2 IS NOT NULL
GROUP BY time, series
ORDER BY time, series
"""
