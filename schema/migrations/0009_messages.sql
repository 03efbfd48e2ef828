-- What a message may do to the rest: dead letters that could not be written, and labels that are new.

-- A dead letter that the broker would not take is noted with the commit whose rows it holds, before its ledger. The same row
-- with `written` takes its place once a later try was taken.
CREATE TABLE dead_letter_failures
(
    noted_at DateTime64(3, 'UTC'),
    log String,
    kafka_partition UInt16 COMMENT 'partition and offset of the message, where the whole of it lies',
    kafka_offset UInt64,
    reason LowCardinality(String) COMMENT 'why the rows were rejected',
    rows UInt64,
    why String COMMENT 'why the dead letter could not be written',
    written UInt8
)
ENGINE = ReplacingMergeTree(written)
ORDER BY (log, kafka_partition, kafka_offset, reason)
TTL toDateTime(noted_at) + INTERVAL 90 DAY
SETTINGS non_replicated_deduplication_window = 50000, min_parts_to_merge_at_once = 12;

-- Which site, fleet, platform and model may have sums, in the order in which they were admitted. A commit that brings new ones
-- asks for a ruling, which is one insert: a row for each that it admits, or one without labels. What stands in the table up to
-- a commit's first ruling, by block number, is admitted there, and nothing else, whoever does the commit again.
CREATE TABLE label_rulings
(
    site LowCardinality(String),
    fleet String,
    platform LowCardinality(String),
    model String,
    counts UInt8 COMMENT '1 where it counts against the bound in a time',
    commit_id String,
    ruled_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (commit_id, site, fleet, platform, model)
TTL toDateTime(ruled_at) + INTERVAL 30 DAY DELETE WHERE site = ''
SETTINGS non_replicated_deduplication_window = 50000, min_parts_to_merge_at_once = 12, enable_block_number_column = 1;

-- What was there before is known.
INSERT INTO label_rulings (site, fleet, platform, model, counts, commit_id, ruled_at)
SELECT DISTINCT site, fleet, platform, model, 0, 'before', now64(3) FROM chip_series;
