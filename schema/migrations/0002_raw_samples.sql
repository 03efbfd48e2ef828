-- Raw samples stay batches: one row holds up to some thousand samples of one group as arrays, integers at the
-- sensor's resolution. An array of one element stands for as many equal values as the row has samples.
-- The largest integer of a type stands for null.

CREATE TABLE sample_batches
(
    time DateTime('UTC') COMMENT 'the second in which the earliest sample ends' CODEC(Delta, ZSTD(1)),
    site LowCardinality(String),
    fleet LowCardinality(String),
    platform LowCardinality(String),
    model LowCardinality(String),
    host_key UInt64 COMMENT 'hash of the first host, so that a host stays with its neighbours',
    rows UInt32 COMMENT 'samples in this row',
    jobs Array(String) CODEC(ZSTD(1)),
    kafka_partition Array(UInt16) CODEC(T64, ZSTD(1)),
    kafka_offset Array(UInt64) CODEC(T64, ZSTD(1)),
    ts_delta_ms Array(Int32) COMMENT 'end of the interval, since time' CODEC(T64, ZSTD(1)),
    interval_ms Array(UInt32) CODEC(T64, ZSTD(1)),
    series Array(UInt64) COMMENT 'whose sample: chip_series' CODEC(ZSTD(1)),
    job_index Array(UInt32) COMMENT 'into jobs, from 1; 0 for none' CODEC(T64, ZSTD(1)),
    power_dw Array(UInt32) COMMENT 'tenths of a watt' CODEC(T64, ZSTD(1)),
    power_method Array(UInt8) COMMENT '0 none, 1 counter, 2 sensor, 3 percent, 4 model, 5 meter' CODEC(T64, ZSTD(1)),
    power_error_dw Array(UInt32) COMMENT 'tenths of a watt' CODEC(T64, ZSTD(1)),
    utilization_pm Array(UInt16) COMMENT 'per mille' CODEC(T64, ZSTD(1)),
    tensor_pm Array(UInt16) COMMENT 'per mille' CODEC(T64, ZSTD(1)),
    memory_used_mib Array(UInt32) CODEC(T64, ZSTD(1)),
    memory_total_mib Array(UInt32) CODEC(T64, ZSTD(1)),
    temperature_dc Array(Int16) COMMENT 'tenths of a degree Celsius' CODEC(T64, ZSTD(1)),
    throttle Array(UInt8) CODEC(T64, ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(time)
ORDER BY (toStartOfTenMinutes(time), site, fleet, platform, model, host_key, time)
TTL time + INTERVAL 3 DAY
SETTINGS non_replicated_deduplication_window = 50000, min_parts_to_merge_at_once = 40, ttl_only_drop_parts = 1, index_granularity = 64;

CREATE TABLE chip_series
(
    series UInt64 COMMENT 'hash of the labels, see streams/rosters.py',
    site LowCardinality(String),
    fleet LowCardinality(String),
    platform LowCardinality(String),
    model LowCardinality(String),
    host String CODEC(ZSTD(1)),
    chip String CODEC(ZSTD(1)),
    first_seen SimpleAggregateFunction(min, DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    last_seen SimpleAggregateFunction(max, DateTime64(3, 'UTC')) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PRIMARY KEY series
ORDER BY (series, site, fleet, platform, model, host, chip);

CREATE VIEW chips AS
SELECT
    site, fleet, platform, model, host, chip,
    min(s.first_seen) AS first_seen, max(s.last_seen) AS last_seen
FROM chip_series AS s
GROUP BY site, fleet, platform, model, host, chip;

CREATE VIEW chip_samples AS
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
        series AS sample_series,
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
