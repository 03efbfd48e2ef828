-- A power meter of a host or a rack publishes samples as chips do, under the models host-meter and rack-meter. They count
-- in power_sums and in the audit; what is said of chips leaves them out, or a metered watt would count twice.

CREATE OR REPLACE VIEW chips AS
SELECT
    site, fleet, platform, model, host, chip,
    min(s.first_seen) AS first_seen, max(s.last_seen) AS last_seen
FROM chip_series AS s
WHERE model NOT IN ('host-meter', 'rack-meter')
GROUP BY site, fleet, platform, model, host, chip;

CREATE OR REPLACE VIEW expected_chips AS
SELECT site, fleet, platform, if(max(planned), sumIf(chips, planned), sumIf(chips, NOT planned)) AS chips_expected
FROM
(
    SELECT site, fleet, platform, true AS planned, toUInt64(chips_expected) AS chips FROM budgets
    UNION ALL
    SELECT site, fleet, platform, false AS planned, uniqExact(chip) AS chips
    FROM chip_series
    WHERE last_seen >= now() - INTERVAL 1 DAY
        AND model NOT IN ('host-meter', 'rack-meter')
        AND (site, fleet, platform) NOT IN (SELECT site, fleet, platform FROM budgets)
    GROUP BY site, fleet, platform
)
GROUP BY site, fleet, platform;

-- As it was in 0004, where its columns are explained, without the meters.
CREATE OR REPLACE VIEW fleet_power AS
SELECT
    time, site, fleet, platform,
    sums.energy_j AS power_w,
    sums.known AS chips_reporting,
    toFloat64(ifNull(expected.chips_expected, 0)) AS chips_expected,
    if(chips_expected > 0, chips_reporting / chips_expected, NULL) AS coverage,
    if(chips_reporting > 0, power_w / least(ifNull(coverage, 1), 1), NULL) AS power_estimated_w,
    if(error_known > 0,
        sqrt(
            independent_w2 * known / error_known
            + pow(alike_w * known / error_known, 2)
            + pow(greatest(chips_expected - known, 0), 2) * greatest(power_w2 / known - pow(power_w / known, 2), 0)),
        NULL) AS power_error_w,
    if(utilization_chip_seconds > 0, utilization_seconds / utilization_chip_seconds, NULL) AS utilization,
    if(tensor_chip_seconds > 0, tensor_seconds / tensor_chip_seconds, NULL) AS tensor_utilization,
    quantiles_w[1] AS p50_chip_w,
    quantiles_w[2] AS p95_chip_w,
    quantiles_w[3] AS p99_chip_w,
    if(known > 0, sums.max_w, NULL) AS max_chip_w,
    if(power_w > 0, modelled_j / power_w, NULL) AS modelled_share
FROM
(
    SELECT
        time, site, fleet, platform,
        sum(s.energy_j) AS energy_j,
        sumIf(s.chip_seconds, power_method != '') AS known,
        sumIf(s.energy_j, power_method IN ('model', 'percent')) AS modelled_j,
        sumIf(s.error_w2_seconds, power_method NOT IN ('model', 'percent')) AS independent_w2,
        sumIf(s.error_w_seconds, power_method IN ('model', 'percent')) AS alike_w,
        sum(s.error_chip_seconds) AS error_known,
        sum(s.power_w2_seconds) AS power_w2,
        sum(s.utilization_seconds) AS utilization_seconds,
        sum(s.utilization_chip_seconds) AS utilization_chip_seconds,
        sum(s.tensor_seconds) AS tensor_seconds,
        sum(s.tensor_chip_seconds) AS tensor_chip_seconds,
        max(s.max_power_w) AS max_w,
        sumMap(s.power_histogram) AS histogram,
        mapKeys(histogram) AS bins,
        arrayCumSum(mapValues(histogram)) AS cumulated,
        arrayMap(q -> arrayFirstIndex(c -> c >= q * cumulated[-1], cumulated), [0.5, 0.95, 0.99]) AS at,
        arrayMap(i -> reinterpretAsFloat32(bitShiftLeft(toUInt32(bins[i]), 17)), at) AS low_w,
        arrayMap(i -> reinterpretAsFloat32(bitShiftLeft(toUInt32(bins[i]) + 1, 17)), at) AS high_w,
        arrayMap(i -> cumulated[i - 1], at) AS below,
        arrayMap(
            (q, i, low, high, before) -> if(
                i = 0, NULL, least(max_w, low + (high - low) * (q * cumulated[-1] - before) / (cumulated[i] - before))),
            [0.5, 0.95, 0.99], at, low_w, high_w, below) AS quantiles_w
    FROM power_by_second AS s
    WHERE model NOT IN ('host-meter', 'rack-meter')
    GROUP BY time, site, fleet, platform
) AS sums
LEFT JOIN expected_chips AS expected USING (site, fleet, platform);

-- A row of several samples of one chip has its series once, as other equal values: it could not be unfolded.
CREATE OR REPLACE VIEW chip_samples AS
SELECT
    fromUnixTimestamp64Milli(toInt64(toUnixTimestamp(time)) * 1000 + sample_ts_delta_ms, 'UTC') AS ts,
    sample_interval_ms AS interval_ms,
    site, fleet, platform, model,
    names.host AS host,
    names.chip AS chip,
    if(sample_job_index = 0, NULL, jobs[sample_job_index]) AS job,
    if(sample_power_dw = 4294967295, NULL, toFloat32(sample_power_dw / 10)) AS power_w,
    [NULL, 'counter', 'sensor', 'percent', 'model', 'meter'][sample_power_method + 1] AS power_method,
    if(sample_power_error_dw = 4294967295, NULL, toFloat32(sample_power_error_dw / 10)) AS power_error_w,
    if(sample_utilization_pm = 65535, NULL, toFloat32(sample_utilization_pm / 1000)) AS utilization,
    if(sample_tensor_pm = 65535, NULL, toFloat32(sample_tensor_pm / 1000)) AS tensor_utilization,
    if(sample_memory_used_mib = 4294967295, NULL, toUInt64(sample_memory_used_mib) * 1048576) AS memory_used_bytes,
    if(sample_memory_total_mib = 4294967295, NULL, toUInt64(sample_memory_total_mib) * 1048576) AS memory_total_bytes,
    if(sample_temperature_dc = 32767, NULL, toFloat32(sample_temperature_dc / 10)) AS temperature_c,
    if(sample_throttle = 255, NULL, sample_throttle) AS throttle,
    sample_kafka_partition AS kafka_partition,
    sample_kafka_offset AS kafka_offset,
    time AS batch_time
FROM
(
    SELECT
        time, site, fleet, platform, model, jobs,
        sample_series AS series, sample_kafka_partition, sample_kafka_offset, sample_ts_delta_ms, sample_interval_ms, sample_job_index,
        sample_power_dw, sample_power_method, sample_power_error_dw, sample_utilization_pm, sample_tensor_pm,
        sample_memory_used_mib, sample_memory_total_mib, sample_temperature_dc, sample_throttle
    FROM sample_batches
    ARRAY JOIN
        arrayResize(series, rows, series[1]) AS sample_series,
        arrayResize(kafka_partition, rows, kafka_partition[1]) AS sample_kafka_partition,
        arrayResize(kafka_offset, rows, kafka_offset[1]) AS sample_kafka_offset,
        arrayResize(ts_delta_ms, rows, ts_delta_ms[1]) AS sample_ts_delta_ms,
        arrayResize(interval_ms, rows, interval_ms[1]) AS sample_interval_ms,
        arrayResize(job_index, rows, job_index[1]) AS sample_job_index,
        arrayResize(power_dw, rows, power_dw[1]) AS sample_power_dw,
        arrayResize(power_method, rows, power_method[1]) AS sample_power_method,
        arrayResize(power_error_dw, rows, power_error_dw[1]) AS sample_power_error_dw,
        arrayResize(utilization_pm, rows, utilization_pm[1]) AS sample_utilization_pm,
        arrayResize(tensor_pm, rows, tensor_pm[1]) AS sample_tensor_pm,
        arrayResize(memory_used_mib, rows, memory_used_mib[1]) AS sample_memory_used_mib,
        arrayResize(memory_total_mib, rows, memory_total_mib[1]) AS sample_memory_total_mib,
        arrayResize(temperature_dc, rows, temperature_dc[1]) AS sample_temperature_dc,
        arrayResize(throttle, rows, throttle[1]) AS sample_throttle
) AS unfolded
ANY LEFT JOIN (SELECT series, host, chip FROM chip_series) AS names USING (series);

-- Which hosts stand in which rack comes from the operator's fleet file, with the budgets: those of the last file loaded.
CREATE TABLE rack_loads
(
    loaded_at DateTime64(3, 'UTC') COMMENT 'as of the budgets of the same file',
    site LowCardinality(String),
    rack String,
    host String COMMENT 'a name, or a pattern: * stands for any characters, ? for one'
)
ENGINE = MergeTree
ORDER BY loaded_at;

CREATE VIEW rack_hosts AS
SELECT site, rack, host
FROM rack_loads
WHERE loaded_at = (SELECT max(loaded_at) FROM budget_loads);

CREATE VIEW meters AS
SELECT
    site, if(model = 'rack-meter', 'rack', 'host') AS kind, host AS meter,
    min(s.first_seen) AS first_seen, max(s.last_seen) AS last_seen
FROM chip_series AS s
WHERE model IN ('host-meter', 'rack-meter')
GROUP BY site, kind, meter;

-- What each meter measures: a host's meter the host of its name, a rack's meter the hosts of the fleet file.
CREATE VIEW metered_hosts AS
SELECT site, kind, meter, meter AS host FROM meters WHERE kind = 'host'
UNION DISTINCT
SELECT site, 'rack' AS kind, rack AS meter, host
FROM rack_hosts
WHERE NOT match(host, '[*?]') AND (site, rack) IN (SELECT site, meter FROM meters WHERE kind = 'rack')
UNION DISTINCT
SELECT site, 'rack' AS kind, patterns.rack AS meter, named.host AS host
FROM
(
    SELECT
        site, rack,
        replaceAll(replaceAll(replaceAll(replaceAll(replaceAll(
            host, '\\', '\\\\'), '%', '\\%'), '_', '\\_'), '*', '%'), '?', '_') AS alike
    FROM rack_hosts
    WHERE match(host, '[*?]') AND (site, rack) IN (SELECT site, meter FROM meters WHERE kind = 'rack')
) AS patterns
INNER JOIN
(
    SELECT DISTINCT site, host
    FROM chip_series
    WHERE site IN (SELECT site FROM rack_hosts WHERE match(host, '[*?]')) AND model NOT IN ('host-meter', 'rack-meter')
) AS named USING (site)
WHERE named.host LIKE patterns.alike;

-- The series of all meters and of the chips that they measure. A reading above what one sample may say stands in several,
-- meter/ID, meter/ID/2, ...: `chassis` is what they share, and the first of them tells how long was measured.
CREATE VIEW metered_series AS
SELECT
    series, site, if(model = 'rack-meter', 'rack', 'host') AS kind, host AS meter, true AS is_meter, host,
    replaceRegexpOne(chip, '^(meter/[^/]+)/[0-9]+$', '\\1') AS chassis, chip,
    min(s.first_seen) AS first_seen, max(s.last_seen) AS last_seen
FROM chip_series AS s
WHERE model IN ('host-meter', 'rack-meter')
GROUP BY series, site, kind, meter, host, chassis, chip
UNION ALL
SELECT series, site, kind, meter, false AS is_meter, host, '' AS chassis, chip, first_seen, last_seen
FROM
(
    SELECT series, site, host, chip, min(s.first_seen) AS first_seen, max(s.last_seen) AS last_seen
    FROM chip_series AS s
    WHERE model NOT IN ('host-meter', 'rack-meter') AND (site, host) IN (SELECT site, host FROM metered_hosts)
    GROUP BY series, site, host, chip
) AS measured
INNER JOIN metered_hosts USING (site, host);

-- One row per minute and meter: what the chips said beside what the meter said. A meter also sees what is not a chip (CPUs,
-- fans, losses in power supplies), so `ratio` is below 1 where all is well; what matters is that it stays what it was.
--
-- chips_w is as reported, in watts over the whole minute, and `coverage` of how many of the chip-seconds that is: those
-- of all chips that the inventory saw from a day before `since` on. chips_estimated_w is corrected for what is missing;
-- metered_w is the mean of the part of the minute that was metered (meter_coverage), and `ratio` is of these two. What
-- nobody told is null.
--
-- Power by host is in the raw samples alone, so this goes back three days, and a time is asked for:
--     SELECT * FROM power_reconciled_between(since = now() - INTERVAL 1 HOUR, until = now())
-- gives the minutes that begin in it. A raw row that spans more than four hours, as of a long backlog, is not looked at
-- by its end: that shows as missing coverage. Series that no meter measures go out before anything is unfolded: 3 ns
-- for each raw sample of that time, and 29 ns for each of those that are metered.
CREATE VIEW power_reconciled_between AS
SELECT
    time, site, kind, meter,
    toUInt64(ifNull(expected.hosts, 0)) AS hosts,
    toUInt64(ifNull(expected.chips, 0)) AS chips_expected,
    if(known_s > 0, energy_j / 60, NULL) AS chips_w,
    if(chips_expected > 0, known_s / (60 * chips_expected), NULL) AS coverage,
    if(known_s > 0, energy_j / 60 / least(ifNull(coverage, 1), 1), NULL) AS chips_estimated_w,
    if(metered_s > 0, sums.metered_w, NULL) AS metered_w,
    if(expected.chassis > 0, metered_s / (60 * expected.chassis), NULL) AS meter_coverage,
    chips_estimated_w / metered_w AS ratio
FROM
(
    SELECT
        time, site, kind, meter,
        sumIf(dw_ms, NOT is_meter) / 10000 AS energy_j,
        sumIf(known_ms, NOT is_meter) / 1000 AS known_s,
        sumIf(first_ms, is_meter) / 1000 AS metered_s,
        sumIf(dw_ms / first_ms / 10, is_meter AND first_ms > 0) AS metered_w
    FROM
    (
        SELECT
            time, site, kind, meter, is_meter, chassis,
            sum(told.dw_ms) AS dw_ms, sum(told.known_ms) AS known_ms, sumIf(told.known_ms, chip = chassis) AS first_ms
        FROM
        (
            SELECT
                series,
                toDateTime(60 * minute, 'UTC') AS time,
                sum(toUInt64(least(end_ms, 60000 * (minute + 1)) - greatest(start_ms, 60000 * minute)) AS overlap_ms) AS known_ms,
                sum(dw * overlap_ms) AS dw_ms
            FROM
            (
                SELECT
                    one_series AS series,
                    toUInt64(one_dw) AS dw,
                    toInt64(toUnixTimestamp(time)) * 1000 + one_delta_ms AS end_ms,
                    end_ms - one_interval_ms AS start_ms
                FROM
                (
                    SELECT
                        time,
                        arrayMap(one -> one IN
                            (
                                SELECT series
                                FROM chip_series
                                WHERE model IN ('host-meter', 'rack-meter')
                                    OR (site, host) IN (SELECT site, host FROM metered_hosts)
                            ), arrayResize(series, rows, series[1])) AS wanted,
                        arrayFilter((one, is) -> is, arrayResize(series, rows, series[1]), wanted) AS all_series,
                        arrayFilter((one, is) -> is, arrayResize(ts_delta_ms, rows, ts_delta_ms[1]), wanted) AS all_delta_ms,
                        arrayFilter((one, is) -> is, arrayResize(interval_ms, rows, interval_ms[1]), wanted) AS all_interval_ms,
                        arrayFilter((one, is) -> is, arrayResize(power_dw, rows, power_dw[1]), wanted) AS all_dw
                    FROM sample_batches
                    PREWHERE time >= {since:DateTime('UTC')} - INTERVAL 4 HOUR
                        AND time < {until:DateTime('UTC')} + INTERVAL 1 HOUR
                        AND toUnixTimestamp(time) * 1000 + arrayMax(ts_delta_ms) > toUnixTimestamp({since:DateTime('UTC')}) * 1000
                )
                ARRAY JOIN
                    all_series AS one_series, all_delta_ms AS one_delta_ms, all_interval_ms AS one_interval_ms, all_dw AS one_dw
                WHERE one_dw != 4294967295
            )
            ARRAY JOIN range(
                greatest(intDiv(start_ms, 60000), intDiv(toInt64(toUnixTimestamp({since:DateTime('UTC')})) + 59, 60)),
                least(intDiv(end_ms - 1, 60000) + 1, intDiv(toInt64(toUnixTimestamp({until:DateTime('UTC')})) + 59, 60))
            ) AS minute
            GROUP BY series, minute
        ) AS told
        INNER JOIN metered_series USING (series)
        GROUP BY time, site, kind, meter, is_meter, chassis
    )
    GROUP BY time, site, kind, meter
) AS sums
LEFT JOIN
(
    SELECT
        site, kind, meter,
        uniqExactIf(host, NOT is_meter) AS hosts, uniqExactIf(chip, NOT is_meter) AS chips, uniqExactIf(chassis, is_meter) AS chassis
    FROM metered_series
    WHERE last_seen >= {since:DateTime('UTC')} - INTERVAL 1 DAY AND first_seen < {until:DateTime('UTC')} + INTERVAL 1 MINUTE
    GROUP BY site, kind, meter
) AS expected USING (site, kind, meter);

-- The last fifteen whole minutes. The newest is not complete before the slowest of the chips has reported.
CREATE VIEW power_reconciled AS
SELECT *
FROM power_reconciled_between(since = toStartOfMinute(now()) - INTERVAL 15 MINUTE, until = toStartOfMinute(now()));
