-- Gaps and overlaps between the blocks of each partition that were stored within an hour: each must begin where the one before
-- it ended. The first of them is held against what was stored within a week before: an outage of some days leaves no gap unseen.
CREATE OR REPLACE VIEW rule_ledger_broken AS
SELECT kafka_partition, toFloat64(countIf(offset_from != expected AND expected > 0)) AS value, value AS breaks
FROM
(
    SELECT
        kafka_partition, offset_from,
        lagInFrame(offset_to + 1) OVER
        (
            PARTITION BY log, topic, kafka_partition ORDER BY offset_from
            ROWS BETWEEN 1 PRECEDING AND CURRENT ROW
        ) AS expected
    FROM
    (
        SELECT log, topic, kafka_partition, offset_from, offset_to
        FROM gigawatt.ingest_blocks
        WHERE stored_at > {at:DateTime('UTC')} - INTERVAL 1 HOUR AND stored_at <= {at:DateTime('UTC')}
        UNION ALL
        SELECT log, topic, kafka_partition, max(offset_to), max(offset_to)
        FROM gigawatt.ingest_blocks
        WHERE stored_at > {at:DateTime('UTC')} - INTERVAL 1 HOUR - INTERVAL 7 DAY
            AND stored_at <= {at:DateTime('UTC')} - INTERVAL 1 HOUR
        GROUP BY log, topic, kafka_partition
    )
)
GROUP BY kafka_partition;
