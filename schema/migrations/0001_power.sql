-- Additive sums per window and group. Nothing here is ever updated: late data adds a row, merges add rows up.
-- Readers sum; the same sums therefore stand at every resolution.

CREATE TABLE power_by_second
(
    time DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)) COMMENT 'start of the second',
    site LowCardinality(String),
    fleet LowCardinality(String),
    platform LowCardinality(String),
    model LowCardinality(String),
    power_method LowCardinality(String) COMMENT 'empty where the power is not known',
    energy_j SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)) COMMENT 'power_w x overlap with the window',
    chip_seconds SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)) COMMENT 'overlap with the window',
    utilization_seconds SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)) COMMENT 'utilization x overlap',
    utilization_chip_seconds SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)) COMMENT 'overlap of samples that state it',
    tensor_seconds SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)) COMMENT 'tensor_utilization x overlap',
    tensor_chip_seconds SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)) COMMENT 'overlap of samples that state it',
    error_w_seconds SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)) COMMENT 'power_error_w x overlap',
    error_w2_seconds SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)) COMMENT 'power_error_w squared x overlap',
    error_chip_seconds SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)) COMMENT 'overlap of samples that state it',
    power_w2_seconds SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)) COMMENT 'power_w squared x overlap',
    max_power_w SimpleAggregateFunction(max, Float64) CODEC(ZSTD(1)),
    power_histogram SimpleAggregateFunction(sumMap, Map(UInt16, Float64)) CODEC(ZSTD(1)) COMMENT 'chip-seconds by power bin, see streams/histogram.py',
    samples SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)) COMMENT 'samples that end in the window',
    late_samples SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)) COMMENT 'of these, appended more than 30 s after their end'
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (time, site, fleet, platform, model, power_method)
TTL time + INTERVAL 32 DAY
SETTINGS non_replicated_deduplication_window = 50000, ttl_only_drop_parts = 1;

CREATE TABLE power_by_minute AS power_by_second
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (time, site, fleet, platform, model, power_method)
TTL time + INTERVAL 2 YEAR
SETTINGS non_replicated_deduplication_window = 50000, ttl_only_drop_parts = 1;

CREATE TABLE power_by_hour AS power_by_second
ENGINE = AggregatingMergeTree
PARTITION BY toYear(time)
ORDER BY (time, site, fleet, platform, model, power_method)
SETTINGS non_replicated_deduplication_window = 50000;

CREATE MATERIALIZED VIEW power_by_minute_from_seconds TO power_by_minute AS
SELECT
    toStartOfMinute(s.time) AS time, site, fleet, platform, model, power_method,
    sum(s.energy_j) AS energy_j, sum(s.chip_seconds) AS chip_seconds,
    sum(s.utilization_seconds) AS utilization_seconds, sum(s.utilization_chip_seconds) AS utilization_chip_seconds,
    sum(s.tensor_seconds) AS tensor_seconds, sum(s.tensor_chip_seconds) AS tensor_chip_seconds,
    sum(s.error_w_seconds) AS error_w_seconds, sum(s.error_w2_seconds) AS error_w2_seconds,
    sum(s.error_chip_seconds) AS error_chip_seconds, sum(s.power_w2_seconds) AS power_w2_seconds,
    max(s.max_power_w) AS max_power_w, sumMap(s.power_histogram) AS power_histogram,
    sum(s.samples) AS samples, sum(s.late_samples) AS late_samples
FROM power_by_second AS s
GROUP BY toStartOfMinute(s.time), site, fleet, platform, model, power_method;

CREATE MATERIALIZED VIEW power_by_hour_from_seconds TO power_by_hour AS
SELECT
    toStartOfHour(s.time) AS time, site, fleet, platform, model, power_method,
    sum(s.energy_j) AS energy_j, sum(s.chip_seconds) AS chip_seconds,
    sum(s.utilization_seconds) AS utilization_seconds, sum(s.utilization_chip_seconds) AS utilization_chip_seconds,
    sum(s.tensor_seconds) AS tensor_seconds, sum(s.tensor_chip_seconds) AS tensor_chip_seconds,
    sum(s.error_w_seconds) AS error_w_seconds, sum(s.error_w2_seconds) AS error_w2_seconds,
    sum(s.error_chip_seconds) AS error_chip_seconds, sum(s.power_w2_seconds) AS power_w2_seconds,
    max(s.max_power_w) AS max_power_w, sumMap(s.power_histogram) AS power_histogram,
    sum(s.samples) AS samples, sum(s.late_samples) AS late_samples
FROM power_by_second AS s
GROUP BY toStartOfHour(s.time), site, fleet, platform, model, power_method;
