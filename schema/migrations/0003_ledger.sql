-- What of the log is stored, in blocks. A block's end is agreed before any of it is stored: the first insert of a
-- cut with a given first offset wins by its deduplication token, and every worker obeys what then stands there.

CREATE TABLE block_cuts
(
    log String COMMENT 'identity of the log: cluster and topic, so that a recreated topic is another log',
    topic LowCardinality(String),
    kafka_partition UInt16,
    offset_from UInt64,
    offset_to UInt64 COMMENT 'the last offset of the block',
    worker String,
    cut_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (log, kafka_partition, offset_from)
TTL toDateTime(cut_at) + INTERVAL 7 DAY
SETTINGS non_replicated_deduplication_window = 50000, min_parts_to_merge_at_once = 30;

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
    messages UInt32,
    wire_bytes UInt64,
    late_samples UInt64,
    newest_ts Nullable(DateTime64(3, 'UTC')) COMMENT 'newest end of an accepted sample: freshness counts from here',
    appended_from DateTime64(3, 'UTC') COMMENT 'append time of the first message',
    appended_to DateTime64(3, 'UTC') COMMENT 'and of the last'
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(stored_at)
ORDER BY (log, topic, kafka_partition, offset_from)
TTL toDateTime(stored_at) + INTERVAL 90 DAY
SETTINGS non_replicated_deduplication_window = 50000, min_parts_to_merge_at_once = 30;

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
PARTITION BY toYYYYMM(time)
ORDER BY (time, reason)
TTL toDateTime(time) + INTERVAL 90 DAY
SETTINGS non_replicated_deduplication_window = 50000, min_parts_to_merge_at_once = 30;
