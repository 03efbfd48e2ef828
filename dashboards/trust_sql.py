"""What the panels of the board Trust ask; `@fleets` and `@chips` are the conditions of sql.py."""

from typing import Final

FRESHNESS_NOW: Final = "SELECT p50_s, p99_s, newest_age_s, stored_ago_s FROM freshness_at(at = $__toTime)"
FRESHNESS: Final = """
SELECT time, p50_s, p99_s
FROM freshness_between(since = $__fromTime, until = $__toTime, step_s = greatest($__interval_s, 60))
ORDER BY time
"""

PARTITIONS: Final = """
SELECT
    toString(partitions.kafka_partition) AS kafka_partition, newest_age_s, stored_ago_s, pending, pending_for_s,
    stored_to_offset, worker
FROM partitions_at(at = $__toTime) AS partitions
ORDER BY row_number() OVER (ORDER BY partitions.kafka_partition)
    WITH FILL FROM 1 TO 2 INTERPOLATE (kafka_partition AS 'none stored')
"""
LAG: Final = """
SELECT time, series, color, lag_s AS lag
FROM lag_between(since = $__fromTime, until = $__toTime, step_s = $__interval_s)
ORDER BY time, kafka_partition
"""

REFUSED: Final = """
SELECT $__timeInterval(refused.time) AS time, reason AS series, sum(rows) AS refused_rows
FROM rejected_rows AS refused
WHERE $__timeFilter(refused.time)
GROUP BY time, series
ORDER BY time, series
"""
REFUSED_BY_REASON: Final = """
SELECT
    reason, toNullable(sum(rows)) AS refused, toNullable(sumIf(rows, time > $__toTime - INTERVAL 5 MINUTE)) AS lately,
    refused / (
        SELECT greatest(sum(samples + rejected), 1) FROM ingest_blocks
        WHERE stored_at > $__fromTime AND stored_at <= $__toTime) AS share,
    toNullable(max(time)) AS last_at, argMax(detail, time) AS last_detail
FROM rejected_rows
WHERE $__timeFilter(time)
GROUP BY reason
ORDER BY row_number() OVER (ORDER BY refused DESC, reason)
    WITH FILL FROM 1 TO 2 INTERPOLATE (reason AS 'no rows rejected')
"""
REFUSED_NEWEST: Final = """
SELECT
    reason, toNullable(refused.rows) AS rows, toNullable(time) AS appended_at, detail,
    toNullable(refused.kafka_partition) AS kafka_partition, toNullable(refused.kafka_offset) AS kafka_offset
FROM rejected_rows AS refused
WHERE $__timeFilter(time)
ORDER BY row_number() OVER (ORDER BY time DESC, kafka_partition, kafka_offset DESC)
    WITH FILL FROM 1 TO 2 INTERPOLATE (reason AS 'no rows rejected')
LIMIT 50
"""
LATE: Final = """
SELECT time, fleet_path AS series, color, sum(late_samples) / nullIf(sum(samples), 0) AS late
FROM chip_sums_between(since = $__fromTime, until = $__toTime, step_s = greatest($__interval_s, 60))
WHERE @chips
GROUP BY time, series, color
QUALIFY count(late) OVER (PARTITION BY series) > 0
ORDER BY time, series
"""

LEDGER: Final = """
SELECT
    countIf(broken = 'gap') AS gaps, countIf(broken = 'overlap') AS overlaps, sum(lost) AS lost_messages,
    count() AS blocks, sum(samples) AS accepted, sum(rejected) AS refused
FROM ledger_steps_between(since = $__fromTime, until = $__toTime)
"""
BROKEN: Final = """
SELECT
    broken AS what, broken_messages AS messages, toNullable(steps.kafka_partition) AS kafka_partition,
    broken_from AS from_offset, broken_to AS to_offset, stored_at, worker
FROM ledger_steps_between(since = $__fromTime, until = $__toTime) AS steps
WHERE broken != ''
ORDER BY row_number() OVER (ORDER BY stored_at DESC, kafka_partition)
    WITH FILL FROM 1 TO 2 INTERPOLATE (what AS 'no gap, no overlap')
LIMIT 100
"""

# Meters are of a site, and those of the chosen fleets' sites are shown.
METERS: Final = """
SELECT
    meter, ratio, of_limit, chips_w, metered_w, site, kind, hosts, chips_expected, coverage, meter_coverage, minute
FROM meters_at(at = $__toTime)
WHERE site IN
(
    SELECT site FROM fleet_models_between(since = $__toTime - 86400, until = $__toTime)
    WHERE @chips
)
ORDER BY row_number() OVER (ORDER BY of_limit DESC NULLS LAST, site, kind, meter)
    WITH FILL FROM 1 TO 2 INTERPOLATE (meter AS 'no meter')
LIMIT 200
"""

BY_WORKER: Final = """
SELECT time, worker AS series, samples_per_s
FROM worker_rates_between(since = $__fromTime, until = $__toTime, step_s = $__interval_s)
ORDER BY time, series
"""
CADENCE: Final = """
SELECT time, sum(rates.commits_per_s) AS commits_per_s, sum(rates.blocks_per_s) AS blocks_per_s
FROM worker_rates_between(since = $__fromTime, until = $__toTime, step_s = $__interval_s) AS rates
GROUP BY time
ORDER BY time
"""
WORKERS: Final = """
SELECT worker, stored_ago_s, samples_per_s, partitions, commits_per_s
FROM workers_at(at = $__toTime)
ORDER BY row_number() OVER (ORDER BY worker) WITH FILL FROM 1 TO 2 INTERPOLATE (worker AS 'no worker')
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
    table, toNullable(sum(rows)) AS stored_rows, toNullable(sum(bytes_on_disk)) AS disk_bytes,
    toNullable(count()) AS parts, toNullable(max(merging.merges)) AS merges
FROM system.parts AS parts
LEFT JOIN
(
    SELECT table, count() AS merges FROM system.merges WHERE database = currentDatabase() GROUP BY table
) AS merging USING (table)
WHERE active AND database = currentDatabase()
GROUP BY table
ORDER BY row_number() OVER (ORDER BY disk_bytes DESC)
    WITH FILL FROM 1 TO 2 INTERPOLATE (table AS 'nothing in this range')
"""
