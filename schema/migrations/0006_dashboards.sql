-- What dashboards and rules ask for beyond 0005: what idle chips draw and how many are throttled, the same figures at
-- every resolution, the limits of each fleet, and raw samples that are found without all names.

ALTER TABLE power_sums ADD COLUMN IF NOT EXISTS idle_j SimpleAggregateFunction(sum, Float64) COMMENT 'energy of samples that state a utilization below 0.05' CODEC(ZSTD(1)) AFTER late_samples;
ALTER TABLE power_sums ADD COLUMN IF NOT EXISTS idle_chip_seconds SimpleAggregateFunction(sum, Float64) COMMENT 'and their overlap' CODEC(ZSTD(1)) AFTER idle_j;
ALTER TABLE power_sums ADD COLUMN IF NOT EXISTS throttle_chip_seconds SimpleAggregateFunction(sum, Float64) COMMENT 'overlap of samples that say whether they are throttled' CODEC(ZSTD(1)) AFTER idle_chip_seconds;
ALTER TABLE power_sums ADD COLUMN IF NOT EXISTS power_capped_chip_seconds SimpleAggregateFunction(sum, Float64) COMMENT 'overlap of those at a power cap' CODEC(ZSTD(1)) AFTER throttle_chip_seconds;
ALTER TABLE power_sums ADD COLUMN IF NOT EXISTS thermal_chip_seconds SimpleAggregateFunction(sum, Float64) COMMENT 'overlap of those that are too hot' CODEC(ZSTD(1)) AFTER power_capped_chip_seconds;
ALTER TABLE power_sums ADD COLUMN IF NOT EXISTS hardware_throttled_chip_seconds SimpleAggregateFunction(sum, Float64) COMMENT 'overlap of those slowed by hardware or a power brake' CODEC(ZSTD(1)) AFTER thermal_chip_seconds;

CREATE OR REPLACE VIEW power_by_second AS
SELECT
    time, site, fleet, platform, model, power_method, energy_j, chip_seconds, utilization_seconds,
    utilization_chip_seconds, tensor_seconds, tensor_chip_seconds, error_w_seconds, error_w2_seconds, error_chip_seconds,
    power_w2_seconds, max_power_w, power_histogram, samples, late_samples, idle_j, idle_chip_seconds,
    throttle_chip_seconds, power_capped_chip_seconds, thermal_chip_seconds, hardware_throttled_chip_seconds
FROM power_sums
WHERE resolution_s = 1;

CREATE OR REPLACE VIEW power_by_minute AS
SELECT
    time, site, fleet, platform, model, power_method, energy_j, chip_seconds, utilization_seconds,
    utilization_chip_seconds, tensor_seconds, tensor_chip_seconds, error_w_seconds, error_w2_seconds, error_chip_seconds,
    power_w2_seconds, max_power_w, power_histogram, samples, late_samples, idle_j, idle_chip_seconds,
    throttle_chip_seconds, power_capped_chip_seconds, thermal_chip_seconds, hardware_throttled_chip_seconds
FROM power_sums
WHERE resolution_s = 60;

CREATE OR REPLACE VIEW power_by_hour AS
SELECT
    time, site, fleet, platform, model, power_method, energy_j, chip_seconds, utilization_seconds,
    utilization_chip_seconds, tensor_seconds, tensor_chip_seconds, error_w_seconds, error_w2_seconds, error_chip_seconds,
    power_w2_seconds, max_power_w, power_histogram, samples, late_samples, idle_j, idle_chip_seconds,
    throttle_chip_seconds, power_capped_chip_seconds, thermal_chip_seconds, hardware_throttled_chip_seconds
FROM power_sums
WHERE resolution_s = 3600;

-- One row per resolution, window, site, fleet and platform: means over the window. At one second it is fleet_power, as
-- 0004 explains it. Whoever asks for no percentile leaves the histograms unread.
CREATE VIEW fleet_power_windows AS
SELECT
    resolution_s, time, site, fleet, platform,
    sums.energy_j / resolution_s AS power_w,
    sums.known_s / resolution_s AS chips_reporting,
    toFloat64(ifNull(expected.chips_expected, 0)) AS chips_expected,
    if(chips_expected > 0, chips_reporting / chips_expected, NULL) AS coverage,
    if(chips_reporting > 0, power_w / least(ifNull(coverage, 1), 1), NULL) AS power_estimated_w,
    if(error_known_s > 0,
        sqrt(
            independent_w2 / resolution_s * known_s / error_known_s
            + pow(alike_w / resolution_s * known_s / error_known_s, 2)
            + pow(greatest(chips_expected - chips_reporting, 0), 2)
                * greatest(power_w2 / known_s - pow(power_w / chips_reporting, 2), 0)),
        NULL) AS power_error_w,
    if(utilization_chip_seconds > 0, utilization_seconds / utilization_chip_seconds, NULL) AS utilization,
    if(tensor_chip_seconds > 0, tensor_seconds / tensor_chip_seconds, NULL) AS tensor_utilization,
    quantiles_w[1] AS p50_chip_w,
    quantiles_w[2] AS p95_chip_w,
    quantiles_w[3] AS p99_chip_w,
    if(known_s > 0, sums.max_w, NULL) AS max_chip_w,
    if(sums.energy_j > 0, modelled_j / sums.energy_j, NULL) AS modelled_share,
    sums.energy_j AS energy_j,
    sums.idle_j / resolution_s AS idle_w,
    sums.idle_chip_seconds / resolution_s AS idle_chips,
    if(throttle_chip_seconds > 0, throttled_s[1] / throttle_chip_seconds, NULL) AS power_capped_share,
    if(throttle_chip_seconds > 0, throttled_s[2] / throttle_chip_seconds, NULL) AS thermal_share,
    if(throttle_chip_seconds > 0, throttled_s[3] / throttle_chip_seconds, NULL) AS hardware_throttled_share
FROM
(
    SELECT
        resolution_s, time, site, fleet, platform,
        sum(s.energy_j) AS energy_j,
        sumIf(s.chip_seconds, power_method != '') AS known_s,
        sumIf(s.energy_j, power_method IN ('model', 'percent')) AS modelled_j,
        sumIf(s.error_w2_seconds, power_method NOT IN ('model', 'percent')) AS independent_w2,
        sumIf(s.error_w_seconds, power_method IN ('model', 'percent')) AS alike_w,
        sum(s.error_chip_seconds) AS error_known_s,
        sum(s.power_w2_seconds) AS power_w2,
        sum(s.utilization_seconds) AS utilization_seconds,
        sum(s.utilization_chip_seconds) AS utilization_chip_seconds,
        sum(s.tensor_seconds) AS tensor_seconds,
        sum(s.tensor_chip_seconds) AS tensor_chip_seconds,
        sum(s.idle_j) AS idle_j,
        sum(s.idle_chip_seconds) AS idle_chip_seconds,
        sum(s.throttle_chip_seconds) AS throttle_chip_seconds,
        [sum(s.power_capped_chip_seconds), sum(s.thermal_chip_seconds), sum(s.hardware_throttled_chip_seconds)] AS throttled_s,
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
    FROM power_sums AS s
    WHERE model NOT IN ('host-meter', 'rack-meter')
    GROUP BY resolution_s, time, site, fleet, platform
) AS sums
LEFT JOIN expected_chips AS expected USING (site, fleet, platform);

CREATE OR REPLACE VIEW fleet_power AS
SELECT
    time, site, fleet, platform, power_w, chips_reporting, chips_expected, coverage, power_estimated_w, power_error_w,
    utilization, tensor_utilization, p50_chip_w, p95_chip_w, p99_chip_w, max_chip_w, modelled_share
FROM fleet_power_windows
WHERE resolution_s = 1;

-- Limits of alerting rules, by name: schema/fleet_limits.py says what each means.
ALTER TABLE budget_loads ADD COLUMN IF NOT EXISTS limits Map(String, Float64) AFTER chips_expected;

CREATE OR REPLACE VIEW budgets AS
SELECT site, fleet, platform, budget_w, chips_expected, limits
FROM budget_loads
WHERE loaded_at = (SELECT max(loaded_at) FROM budget_loads);

-- A file is loaded at every start; what counts is where it says something else than the one before.
CREATE VIEW capacity_changes AS
SELECT
    time, site, fleet, platform,
    multiIf(
        was_loaded = 0, concat('budget ', budget, ', ', toString(chips_expected), ' chips'),
        concat(
            if(budget_w != was_w, concat('budget ', was, ' to ', budget, ' '), ''),
            if(chips_expected != were, concat(toString(were), ' to ', toString(chips_expected), ' chips'), ''))) AS text
FROM
(
    SELECT
        toDateTime(loaded_at) AS time, site, fleet, platform, budget_w, chips_expected,
        lagInFrame(budget_w) OVER earlier AS was_w,
        lagInFrame(chips_expected) OVER earlier AS were,
        lagInFrame(1) OVER earlier AS was_loaded,
        concat(toString(round(budget_w / 1e6, 3)), ' MW') AS budget,
        concat(toString(round(was_w / 1e6, 3)), ' MW') AS was
    FROM budget_loads
    WINDOW earlier AS (PARTITION BY site, fleet, platform ORDER BY loaded_at ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
WHERE was_loaded = 0 OR budget_w != was_w OR chips_expected != were;

-- A chip's samples lie in rows whose span of host keys holds that of the rack that it reports with: its history is found
-- without unfolding others.
ALTER TABLE sample_batches ADD COLUMN IF NOT EXISTS host_key_last UInt64 DEFAULT 18446744073709551615 COMMENT 'the highest hash in this row; host_key is the lowest' AFTER throttle;
ALTER TABLE chip_series ADD COLUMN IF NOT EXISTS host_key SimpleAggregateFunction(anyLast, UInt64) CODEC(ZSTD(1)) AFTER last_seen;

CREATE VIEW chip_names AS
SELECT
    series, site, fleet, platform, model, host, chip,
    anyLast(s.host_key) AS host_key, min(s.first_seen) AS first_seen, max(s.last_seen) AS last_seen
FROM chip_series AS s
GROUP BY series, site, fleet, platform, model, host, chip;

-- chip_samples without the names: whoever wants ten chips of a million picks them here, and then asks for their names.
CREATE VIEW series_samples AS
SELECT
    sample_series AS series,
    host_key, host_key_last,
    time AS batch_time,
    fromUnixTimestamp64Milli(toInt64(toUnixTimestamp(time)) * 1000 + sample_ts_delta_ms, 'UTC') AS ts,
    sample_interval_ms AS interval_ms,
    site, fleet, platform, model,
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
    sample_kafka_offset AS kafka_offset
FROM
(
    SELECT
        time, site, fleet, platform, model, host_key, host_key_last, jobs,
        sample_series, sample_kafka_partition, sample_kafka_offset, sample_ts_delta_ms, sample_interval_ms, sample_job_index,
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
);

CREATE OR REPLACE VIEW chip_samples AS
SELECT
    ts, interval_ms, site, fleet, platform, model, names.host AS host, names.chip AS chip, job, power_w, power_method,
    power_error_w, utilization, tensor_utilization, memory_used_bytes, memory_total_bytes, temperature_c, throttle,
    kafka_partition, kafka_offset, batch_time
FROM series_samples
ANY LEFT JOIN (SELECT series, host, chip FROM chip_series) AS names USING (series);
