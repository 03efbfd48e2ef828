"""Queries of trust: the ledger of stored blocks, what was refused or came late, meters, and the store itself."""

# ruff: noqa: S608  queries are made of our own text

from typing import Final

from dashboards.fields import FLEET_COLORS
from dashboards.rule_sql import FRAGMENTS

_STORED: Final = "stored_at > $__fromTime AND stored_at <= $__toTime"
_DELAY_MS: Final = "toUnixTimestamp64Milli(stored_at) - toUnixTimestamp64Milli(assumeNotNull(newest_ts))"
# The range cuts the first and the last interval: what is counted in them would look like a fall.
_WHOLE: Final = "stored_at >= $__timeInterval($__fromTime) + $__interval_s AND stored_at < $__timeInterval($__toTime)"

FRESHNESS_NOW: Final = f"""
SELECT
    if(known, delays_ms[1] / 1000, NULL) AS p50_s, if(known, delays_ms[2] / 1000, NULL) AS p99_s,
    if(newest_s IS NULL, NULL, greatest(toFloat64($__toTime) - newest_s, 0)) AS newest_age_s,
    greatest(toFloat64($__toTime) - last_s, 0) AS stored_ago_s
FROM
(
    SELECT
        quantilesExactWeightedIf(0.5, 0.99)({_DELAY_MS}, samples, newest_ts IS NOT NULL AND stored_at > last - 60)
            AS delays_ms,
        countIf(newest_ts IS NOT NULL AND stored_at > last - 60) > 0 AS known,
        max(toFloat64(newest_ts)) AS newest_s, max(toFloat64(stored_at)) AS last_s
    FROM
    (
        SELECT stored_at, newest_ts, samples, max(stored_at) OVER () AS last
        FROM ingest_blocks
        WHERE stored_at > $__toTime - INTERVAL 1 HOUR AND stored_at <= $__toTime
    )
    HAVING count() > 0
)
"""
FRESHNESS: Final = f"""
SELECT
    toStartOfInterval(toDateTime(stored_at), toIntervalSecond(greatest($__interval_s, 60))) AS time,
    quantilesExactWeighted(0.5, 0.99)({_DELAY_MS}, samples)[1] / 1000 AS p50_s,
    quantilesExactWeighted(0.5, 0.99)({_DELAY_MS}, samples)[2] / 1000 AS p99_s
FROM ingest_blocks
WHERE {_STORED} AND newest_ts IS NOT NULL
GROUP BY time
ORDER BY time
"""

# A block is agreed, then stored, which takes a second or two. Of a topic that was made anew the newest log counts.
PARTITIONS: Final = """
SELECT
    kafka_partition,
    if(blocks > 0, toNullable(stored_to), NULL) AS stored_to_offset,
    if(blocks > 0, greatest(toFloat64($__toTime) - toFloat64(appended), 0), NULL) AS newest_age_s,
    if(blocks > 0, greatest(toFloat64($__toTime) - toFloat64(stored), 0), NULL) AS stored_ago_s,
    pending,
    if(pending > 0, greatest(toFloat64($__toTime) - toFloat64(agreed), 0), NULL) AS pending_for_s,
    worker
FROM
(
    SELECT
        log, topic, kafka_partition, count() AS blocks, max(offset_to) AS stored_to, max(appended_to) AS appended,
        max(stored_at) AS stored, argMax(worker, stored_at) AS worker
    FROM ingest_blocks
    WHERE stored_at > $__toTime - INTERVAL 1 DAY AND stored_at <= $__toTime
    GROUP BY log, topic, kafka_partition
) AS ledger
FULL JOIN
(
    SELECT log, topic, kafka_partition, uniqExact(offset_from) AS pending, min(cut_at) AS agreed
    FROM agreed_blocks
    WHERE cut_at > $__toTime - INTERVAL 1 HOUR AND cut_at <= $__toTime
        AND (log, topic, kafka_partition, offset_from) NOT IN
        (
            SELECT log, topic, kafka_partition, offset_from
            FROM ingest_blocks
            WHERE stored_at > $__toTime - INTERVAL 1 HOUR AND stored_at <= $__toTime
        )
    GROUP BY log, topic, kafka_partition
) AS cuts USING (log, topic, kafka_partition)
WHERE (log, topic) =
    (
        SELECT argMax((log, topic), cut_at)
        FROM agreed_blocks
        WHERE cut_at > $__toTime - INTERVAL 1 DAY AND cut_at <= $__toTime
    )
ORDER BY kafka_partition
"""
LAG: Final = f"""
SELECT
    $__timeInterval(stored_at) AS time, concat('partition ', leftPad(toString(kafka_partition), 2, '0')) AS series,
    leftPad(toString(kafka_partition % {len(FLEET_COLORS)}), 2, '0') AS color,
    max(toUnixTimestamp64Milli(stored_at) - toUnixTimestamp64Milli(appended_from)) / 1000 AS lag
FROM ingest_blocks
WHERE {_STORED}
GROUP BY time, kafka_partition
ORDER BY time, kafka_partition
"""

REFUSED: Final = """
SELECT $__timeInterval(refused.time) AS time, reason AS series, sum(rows) AS refused_rows
FROM rejected_rows AS refused
WHERE $__timeFilter(refused.time)
GROUP BY time, series
ORDER BY time, series
"""
REFUSED_BY_REASON: Final = f"""
SELECT
    reason, sum(rows) AS refused, sumIf(rows, time > $__toTime - INTERVAL 5 MINUTE) AS lately,
    refused / (SELECT greatest(sum(samples + rejected), 1) FROM ingest_blocks WHERE {_STORED}) AS share,
    max(time) AS last_at, argMax(detail, time) AS last_detail
FROM rejected_rows
WHERE $__timeFilter(time)
GROUP BY reason
ORDER BY refused DESC, reason
"""
REFUSED_NEWEST: Final = """
SELECT time AS appended_at, reason, rows, kafka_partition, kafka_offset, detail
FROM rejected_rows
WHERE $__timeFilter(time)
ORDER BY time DESC, kafka_partition, kafka_offset DESC
LIMIT 50
"""


def _late(view: str, resolution_s: int) -> str:
    return f"""
    SELECT time, site, fleet, platform, samples, late_samples
    FROM {view}
    WHERE if($__interval_s >= 3600, 3600, 60) = {resolution_s} AND $__timeFilter(time) AND @chosen_chips"""


LATE: Final = f"""
SELECT $__timeInterval(sums.time) AS time, @series AS series, sum(late_samples) / sum(samples) AS late
FROM
({_late("power_by_minute", 60)}
    UNION ALL{_late("power_by_hour", 3600)}
) AS sums
GROUP BY time, series
HAVING sum(samples) > 0
ORDER BY time, series
"""

# Blocks of a partition are stored in order, so the first of the range has none before it that could be missing.
_STEPS: Final = f"""
(
    SELECT
        kafka_partition, offset_from, stored_at, worker, samples, rejected, lost,
        lagInFrame(offset_to + 1) OVER (
            PARTITION BY log, topic, kafka_partition ORDER BY offset_from ROWS BETWEEN 1 PRECEDING AND CURRENT ROW
        ) AS expected
    FROM ingest_blocks
    WHERE {_STORED}
)
"""
LEDGER: Final = f"""
SELECT
    countIf(offset_from > expected AND expected > 0) AS gaps,
    countIf(offset_from < expected AND expected > 0) AS overlaps,
    sum(lost) AS lost_messages, count() AS blocks, sum(samples) AS accepted, sum(rejected) AS refused
FROM {_STEPS}
"""
BROKEN: Final = f"""
SELECT
    kafka_partition, if(offset_from > expected, 'gap', 'overlap') AS what,
    least(offset_from, expected) AS from_offset, greatest(offset_from, expected) - 1 AS to_offset,
    to_offset - from_offset + 1 AS messages, stored_at, worker
FROM {_STEPS}
WHERE offset_from != expected AND expected > 0
ORDER BY stored_at DESC, kafka_partition
LIMIT 100
"""

# The minute and the limits of the rule meter_disagrees: late enough for the slowest chip, and the widest of the site.
# Meters are of a site, and those of the chosen fleets' sites are shown.
METERS: Final = f"""
SELECT
    time AS minute, site, kind, meter, hosts, chips_expected, chips_estimated_w AS chips_w, metered_w, ratio,
    if(ratio IS NULL, NULL, greatest(
        if(high > 0, low, {FRAGMENTS["default_meter_low"]}) / greatest(ratio, 1e-6),
        ratio / if(high > 0, high, {FRAGMENTS["default_meter_high"]}))) AS of_limit,
    coverage, meter_coverage
FROM power_reconciled_between(since = $__toTime - 210, until = $__toTime - 150)
LEFT JOIN
(
    SELECT
        site,
        min({FRAGMENTS["meter_low"]}) AS low,
        max({FRAGMENTS["meter_high"]}) AS high
    FROM budgets_at(at = $__toTime)
    GROUP BY site
) AS limited USING (site)
WHERE site IN
(
    SELECT site
    FROM power_by_hour
    WHERE time >= toStartOfHour($__toTime - 86400) AND time <= $__toTime AND @chosen_chips
)
ORDER BY of_limit DESC NULLS LAST, site, kind, meter
LIMIT 200
"""

BY_WORKER: Final = f"""
SELECT $__timeInterval(stored_at) AS time, worker AS series, sum(samples) / $__interval_s AS samples_per_s
FROM ingest_blocks
WHERE {_WHOLE}
GROUP BY time, series
ORDER BY time, series
"""
CADENCE: Final = f"""
SELECT
    $__timeInterval(stored_at) AS time,
    uniq(commit_id) / $__interval_s AS commits_per_s, count() / $__interval_s AS blocks_per_s
FROM ingest_blocks
WHERE {_WHOLE}
GROUP BY time
ORDER BY time
"""
WORKERS: Final = """
SELECT
    worker,
    greatest(toFloat64($__toTime) - toFloat64(max(stored_at)), 0) AS stored_ago_s,
    uniqExactIf(log, topic, kafka_partition, stored_at > $__toTime - 60) AS partitions,
    sumIf(samples, stored_at > $__toTime - 60) / 60 AS samples_per_s,
    uniqExactIf(commit_id, stored_at > $__toTime - 60) / 60 AS commits_per_s
FROM ingest_blocks
WHERE stored_at > $__toTime - INTERVAL 1 HOUR AND stored_at <= $__toTime
GROUP BY worker
ORDER BY worker
"""
STORE: Final = """
SELECT
    (SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = currentDatabase()) AS used_bytes,
    (SELECT sum(free_space) FROM system.disks) AS free_bytes,
    (SELECT count() FROM system.parts WHERE active AND database = currentDatabase()) AS parts,
    (SELECT count() FROM system.merges WHERE database = currentDatabase()) AS merges,
    (SELECT max(elapsed) FROM system.merges WHERE database = currentDatabase()) AS longest_merge_s
"""
TABLES: Final = """
SELECT
    table, sum(rows) AS stored_rows, sum(bytes_on_disk) AS disk_bytes, count() AS parts, max(merging.merges) AS merges
FROM system.parts AS parts
LEFT JOIN
(
    SELECT table, count() AS merges FROM system.merges WHERE database = currentDatabase() GROUP BY table
) AS merging USING (table)
WHERE active AND database = currentDatabase()
GROUP BY table
ORDER BY disk_bytes DESC
"""
