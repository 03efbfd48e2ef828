-- Messages of each partition that were gone before they were stored, or could not be read, by blocks that were stored within a day.
CREATE OR REPLACE VIEW rule_messages_lost AS
SELECT kafka_partition, toFloat64(sum(lost)) AS value, value AS messages
FROM gigawatt.ingest_blocks
WHERE stored_at > {at:DateTime('UTC')} - INTERVAL 1 DAY AND stored_at <= {at:DateTime('UTC')}
GROUP BY kafka_partition;
