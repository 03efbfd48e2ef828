-- The same hosts stand in the same order in every second's rows, and what is told of them is repeated byte by byte: T64, which
-- turns 64 values at a time wherever a row begins, hid that. Offsets of neighbours are near each other.
ALTER TABLE sample_batches
    MODIFY COLUMN kafka_partition Array(UInt16) CODEC(ZSTD(1)),
    MODIFY COLUMN kafka_offset Array(UInt64) CODEC(Delta(8), ZSTD(1)),
    MODIFY COLUMN job_index Array(UInt32) COMMENT 'into jobs, from 1; 0 for none' CODEC(ZSTD(1));
