"""What the panels of the board Hosts and chips ask; `@fleets` and `@chips` are the conditions of sql.py."""

from typing import Final

FLEETS: Final = """
SELECT
    fleet_path, site, fleet, platform, known, silent, silent_of_limit, twice, twice_of_limit, capped, hot, slowed,
    throttled_of_limit
FROM fleet_chips_at(at = $__toTime)
WHERE @fleets
ORDER BY row_number() OVER (
    ORDER BY greatest(silent_of_limit, ifNull(twice_of_limit, 0), ifNull(throttled_of_limit, 0)) DESC, fleet_path)
    WITH FILL FROM 1 TO 2 INTERPOLATE (fleet_path AS 'nothing in this range')
"""

OUTLIERS: Final = """
SELECT host, host_w, of_fleet, busy, hottest_c, fleet_path, site, fleet, platform, model
FROM hosts_at(at = $__toTime)
WHERE of_fleet IS NOT NULL AND @chips
ORDER BY row_number() OVER (ORDER BY abs(of_fleet - 1) DESC, site, host)
    WITH FILL FROM 1 TO 2 INTERPOLATE (host AS 'no host')
LIMIT 20
"""
# Which hosts is worked out once, as a scalar. A heatmap of Grafana puts a column's name before labels, but for `Value`.
HEATMAP: Final = """
WITH
(
    SELECT groupArray((series, concat(site, ' / ', host), host_key))
    FROM chip_names
    WHERE (site, fleet, platform, host) IN
    (
        SELECT site, fleet, platform, host
        FROM hosts_at(at = $__toTime)
        WHERE of_fleet IS NOT NULL AND @chips
        ORDER BY abs(of_fleet - 1) DESC, site, host
        LIMIT 12
    )
) AS outliers
SELECT time, chips.label AS series, avg(power_w) AS Value
FROM minute_samples_between(since = $__toTime - 600, until = $__toTime) AS samples
INNER JOIN (SELECT one.1 AS series, one.2 AS label FROM (SELECT arrayJoin(outliers) AS one)) AS chips USING (series)
WHERE arrayExists(key -> host_key <= key AND host_key_last >= key, arrayDistinct(outliers.3))
GROUP BY time, chips.label
ORDER BY time, chips.label
"""

COUNTS: Final = """
SELECT cause, sum(throttled.chips) AS chips
FROM throttling_at(at = $__toTime) AS throttled
WHERE @chips
GROUP BY cause, place
ORDER BY place
"""
THROTTLED: Final = """
SELECT chip, causes, power_w, temperature_c, fleet_path, site, fleet, platform, host
FROM throttled_chips_at(at = $__toTime)
WHERE @chips
ORDER BY row_number() OVER (ORDER BY temperature_c DESC NULLS LAST, site, fleet, platform, host, chip)
    WITH FILL FROM 1 TO 2 INTERPOLATE (chip AS 'no chip is throttled')
LIMIT 100
"""
OVER_TIME: Final = """
SELECT
    time, sum(power_capped_chip_seconds) / nullIf(sum(throttle_chip_seconds), 0) AS capped,
    sum(thermal_chip_seconds) / nullIf(sum(throttle_chip_seconds), 0) AS hot,
    sum(hardware_throttled_chip_seconds) / nullIf(sum(throttle_chip_seconds), 0) AS slowed
FROM chip_sums_between(since = $__fromTime, until = $__toTime, step_s = $__interval_s)
WHERE @chips
GROUP BY time
ORDER BY time
"""


def ranking(reading: str, order: str) -> str:
    """Return the ten chips that come first; a chip may have a few samples, so a few more of these are taken.

    They are taken first: of a million samples, ClickHouse then keeps fifty while it sorts.
    """
    return f"""
SELECT chip, power_w, temperature_c, utilization, fleet_path, site, fleet, platform, host, job
FROM
(
    SELECT *
    FROM (
        SELECT * FROM newest_samples_at(at = $__toTime)
        WHERE {reading} IS NOT NULL AND @chips
        ORDER BY {reading} {order}
        LIMIT 50)
    ORDER BY {reading} {order}, site, fleet, platform, host, chip
    LIMIT 1 BY site, fleet, platform, host, chip
    LIMIT 10
)
ORDER BY row_number() OVER (ORDER BY {reading} {order}, site, fleet, platform, host, chip)
    WITH FILL FROM 1 TO 2 INTERPOLATE (chip AS 'no reading now')
"""  # noqa: S608  our own text


SILENT: Final = """
SELECT host, silent, chips, fleet_path, site, fleet, platform, last_seen
FROM silent_hosts_at(at = $__toTime)
WHERE @chips
ORDER BY row_number() OVER (ORDER BY silent DESC, last_seen DESC, site, fleet, platform, host)
    WITH FILL FROM 1 TO 2 INTERPOLATE (host AS 'no chip is silent')
LIMIT 100
"""
DOUBLED: Final = """
SELECT
    chip, counted_w, seconds, samples_at_once, fleet_path, site, fleet, platform, reported_by, power_methods, newest
FROM doubled_chips_at(at = $__toTime)
WHERE @fleets
ORDER BY row_number() OVER (ORDER BY seconds DESC, site, fleet, platform, chip)
    WITH FILL FROM 1 TO 2 INTERPOLATE (chip AS 'no chip is reported twice')
LIMIT 100
"""
TWO_NAMES: Final = """
SELECT chip, names, reported_as, fleet_path, site, fleet, platform
FROM renamed_chips_at(at = $__toTime)
WHERE @chips
ORDER BY row_number() OVER (ORDER BY site, fleet, platform, chip)
    WITH FILL FROM 1 TO 2 INTERPOLATE (chip AS 'no chip has two names')
"""

CHIP: Final = """
SELECT
    chip, concat(site, ' / ', fleet, ' / ', platform) AS fleet_path, site, fleet, platform, host, model,
    toNullable(toDateTime64(names.first_seen, 3, 'UTC')) AS first_seen,
    toNullable(toDateTime64(names.last_seen, 3, 'UTC')) AS last_seen
FROM chip_names AS names
WHERE chip = ${chip:singlequote} AND @chips
ORDER BY row_number() OVER (ORDER BY last_seen DESC, site, fleet, platform, host)
    WITH FILL FROM 1 TO 2 INTERPOLATE (chip AS if(${chip:singlequote} = '',
    'type the name of a chip above, or follow a link', 'no chip of that name is known'))
"""


def history(values: str) -> str:
    """Return lines of a chip's readings; `values` is an array of pairs of a name and a reading."""
    return f"""
SELECT time, concat(site, ' / ', fleet, ' / ', host, value.1) AS series, value.2 AS reading
FROM chip_history_between(
    chip = ${{chip:singlequote}}, since = greatest($__fromTime, $__toTime - INTERVAL 1 HOUR), until = $__toTime,
    step_s = $__interval_s)
ARRAY JOIN {values} AS value
WHERE @chips
QUALIFY count(reading) OVER (PARTITION BY series) > 0
ORDER BY time, series
"""  # noqa: S608  our own text
