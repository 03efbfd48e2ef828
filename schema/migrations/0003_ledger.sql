-- What of the log is stored, in blocks. Blocks of several partitions are stored by one commit. Which blocks make up a
-- commit is agreed before any of it is stored: a cut with a given first offset counts when it was the first to be
-- inserted, by its block number, and every worker obeys what stands there.

CREATE TABLE block_cuts
(
    log String COMMENT 'identity of the log, so that a topic that was made anew is another log',
    topic LowCardinality(String),
    kafka_partition UInt16,
    offset_from UInt64,
    offset_to UInt64 COMMENT 'the last offset of the block',
    commit_id String COMMENT 'the commit that was to store it',
    worker String,
    cut_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (log, kafka_partition, offset_from)
TTL toDateTime(cut_at) + INTERVAL 7 DAY
SETTINGS non_replicated_deduplication_window = 50000, min_parts_to_merge_at_once = 12, enable_block_number_column = 1;

CREATE TABLE ingest_blocks
(
    topic LowCardinality(String),
    kafka_partition UInt16,
    offset_from UInt64,
    offset_to UInt64,
    samples UInt64 COMMENT 'accepted',
    rejected UInt64 COMMENT 'refused rows; an undecodable message counts as one',
    energy_j Float64,
    stored_at DateTime64(3, 'UTC'),
    worker String,
    log String,
    commit_id String COMMENT 'blocks of one commit were stored together',
    messages UInt32,
    wire_bytes UInt64,
    late_samples UInt64,
    newest_ts Nullable(DateTime64(3, 'UTC')) COMMENT 'newest end of an accepted sample: freshness counts from here',
    appended_from DateTime64(3, 'UTC') COMMENT 'append time of the first message',
    appended_to DateTime64(3, 'UTC') COMMENT 'and of the last',
    INDEX stored_at stored_at TYPE minmax
)
ENGINE = MergeTree
ORDER BY (log, topic, kafka_partition, offset_from)
TTL toDateTime(stored_at) + INTERVAL 90 DAY
SETTINGS non_replicated_deduplication_window = 50000, min_parts_to_merge_at_once = 12;

CREATE TABLE rejected_rows
(
    time DateTime64(3, 'UTC') COMMENT 'when the broker appended the message',
    reason LowCardinality(String),
    rows UInt64,
    kafka_partition UInt16,
    kafka_offset UInt64,
    detail String,
    log String
)
ENGINE = MergeTree
ORDER BY (time, reason)
TTL toDateTime(time) + INTERVAL 90 DAY
SETTINGS non_replicated_deduplication_window = 50000, min_parts_to_merge_at_once = 12;
