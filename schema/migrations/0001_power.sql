-- Additive sums per window and group. Nothing here is ever updated: late data adds a row, merges add rows up, and
-- readers sum. All resolutions of a block come in one insert, so that the same joules stand at each of them, always
-- and even half-way; and one insert makes one part, which is most of what a block costs.

CREATE TABLE power_sums
(
    resolution_s UInt16 COMMENT 'length of the window: 1, 60 or 3600' CODEC(ZSTD(1)),
    time DateTime('UTC') COMMENT 'start of the window' CODEC(DoubleDelta, ZSTD(1)),
    site LowCardinality(String),
    fleet LowCardinality(String),
    platform LowCardinality(String),
    model LowCardinality(String),
    power_method LowCardinality(String) COMMENT 'empty where the power is not known',
    energy_j SimpleAggregateFunction(sum, Float64) COMMENT 'power_w x overlap with the window' CODEC(ZSTD(1)),
    chip_seconds SimpleAggregateFunction(sum, Float64) COMMENT 'overlap with the window' CODEC(ZSTD(1)),
    utilization_seconds SimpleAggregateFunction(sum, Float64) COMMENT 'utilization x overlap' CODEC(ZSTD(1)),
    utilization_chip_seconds SimpleAggregateFunction(sum, Float64) COMMENT 'overlap of samples that state it' CODEC(ZSTD(1)),
    tensor_seconds SimpleAggregateFunction(sum, Float64) COMMENT 'tensor_utilization x overlap' CODEC(ZSTD(1)),
    tensor_chip_seconds SimpleAggregateFunction(sum, Float64) COMMENT 'overlap of samples that state it' CODEC(ZSTD(1)),
    error_w_seconds SimpleAggregateFunction(sum, Float64) COMMENT 'power_error_w x overlap' CODEC(ZSTD(1)),
    error_w2_seconds SimpleAggregateFunction(sum, Float64) COMMENT 'power_error_w squared x overlap' CODEC(ZSTD(1)),
    error_chip_seconds SimpleAggregateFunction(sum, Float64) COMMENT 'overlap of samples that state it' CODEC(ZSTD(1)),
    power_w2_seconds SimpleAggregateFunction(sum, Float64) COMMENT 'power_w squared x overlap' CODEC(ZSTD(1)),
    max_power_w SimpleAggregateFunction(max, Float64) CODEC(ZSTD(1)),
    power_histogram SimpleAggregateFunction(sumMap, Map(UInt16, Float64)) COMMENT 'chip-seconds by power bin, see streams/histogram.py' CODEC(ZSTD(1)),
    samples SimpleAggregateFunction(sum, UInt64) COMMENT 'samples that end in the window' CODEC(ZSTD(1)),
    late_samples SimpleAggregateFunction(sum, UInt64) COMMENT 'of these, appended more than 30 s after their end' CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
ORDER BY (resolution_s, time, site, fleet, platform, model, power_method)
TTL time + INTERVAL 32 DAY DELETE WHERE resolution_s = 1,
    time + INTERVAL 2 YEAR DELETE WHERE resolution_s = 60
SETTINGS non_replicated_deduplication_window = 50000, min_parts_to_merge_at_once = 12;

