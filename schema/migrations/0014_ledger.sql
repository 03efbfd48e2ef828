-- Blocks of the ledger that are older than 90 days become one row of each partition, which spans their offsets and has their
-- sums: hours are kept for ever, and the ledger with them.
ALTER TABLE ingest_blocks MODIFY TTL toDateTime(stored_at) + INTERVAL 90 DAY
GROUP BY log, topic, kafka_partition
SET
    offset_from = min(offset_from), offset_to = max(offset_to), samples = sum(samples), rejected = sum(rejected),
    energy_j = sum(energy_j), stored_at = max(stored_at), messages = sum(messages), wire_bytes = sum(wire_bytes),
    late_samples = sum(late_samples), newest_ts = max(newest_ts), appended_from = min(appended_from),
    appended_to = max(appended_to), lost = sum(lost);
