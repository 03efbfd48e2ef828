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

