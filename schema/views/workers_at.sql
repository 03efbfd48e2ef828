-- Who stored anything within the last hour, how long ago, and of the last minute partitions, samples and commits.
CREATE OR REPLACE VIEW workers_at AS
SELECT
    worker,
    toNullable(greatest(toFloat64({at:DateTime('UTC')}) - toFloat64(max(stored_at)), 0)) AS stored_ago_s,
    toNullable(uniqExactIf(log, topic, kafka_partition, stored_at > {at:DateTime('UTC')} - 60)) AS partitions,
    toNullable(sumIf(samples, stored_at > {at:DateTime('UTC')} - 60) / 60) AS samples_per_s,
    toNullable(uniqExactIf(commit_id, stored_at > {at:DateTime('UTC')} - 60) / 60) AS commits_per_s
FROM ingest_blocks
WHERE stored_at > {at:DateTime('UTC')} - INTERVAL 1 HOUR AND stored_at <= {at:DateTime('UTC')}
GROUP BY worker;
