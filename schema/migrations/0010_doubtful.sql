-- A chip that is reported twice counts twice. Whether one is can be told by its samples alone: two of them cover the same
-- time. To look for that among all samples of a million chips would cost as much as to store them, so it is looked for
-- among chips that can be: those of which several claims are alive. A claim is one way by which samples of a chip come: from
-- a host, in a partition of the log, in messages of a first host; and one more where a worker itself has met samples that
-- overlap, which have all of these in common. Claims are renewed every few minutes, and alive for a quarter of an hour.
CREATE TABLE chip_claims
(
    chip_key UInt64 COMMENT 'hash of site, fleet and chip: a chip, whoever reports it',
    claim UInt64 COMMENT 'hash of what tells one claim from another, see streams/claims.py',
    series UInt64 COMMENT 'as in chip_series',
    host_key UInt64 COMMENT 'as in sample_batches',
    site LowCardinality(String),
    fleet LowCardinality(String),
    overlaps Bool COMMENT 'of samples that a worker has met and that overlap',
    first_seen SimpleAggregateFunction(min, DateTime('UTC')) CODEC(ZSTD(1)),
    last_seen SimpleAggregateFunction(max, DateTime('UTC')) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PRIMARY KEY (chip_key, claim)
ORDER BY (chip_key, claim, series, host_key, site, fleet, overlaps)
TTL last_seen + INTERVAL 3 DAY
SETTINGS non_replicated_deduplication_window = 50000, min_parts_to_merge_at_once = 12, index_granularity = 512;

