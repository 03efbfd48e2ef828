-- Each partition of the log as the ledger has it, of the last day: the newest offset that is stored, how long ago its message
-- was appended and stored, who stored it, and the blocks that were agreed upon within the last hour and are not stored. A
-- block is agreed, then stored, which takes a second or two. Of a topic that was made anew the newest log counts.
CREATE OR REPLACE VIEW partitions_at AS
SELECT
    kafka_partition,
    if(blocks > 0, toNullable(stored_to), NULL) AS stored_to_offset,
    if(blocks > 0, greatest(toFloat64({at:DateTime('UTC')}) - toFloat64(appended), 0), NULL) AS newest_age_s,
    if(blocks > 0, greatest(toFloat64({at:DateTime('UTC')}) - toFloat64(stored), 0), NULL) AS stored_ago_s,
    toNullable(cuts.pending) AS pending,
    if(cuts.pending > 0, greatest(toFloat64({at:DateTime('UTC')}) - toFloat64(agreed), 0), NULL) AS pending_for_s,
    worker
FROM
(
    SELECT
        log, topic, kafka_partition, count() AS blocks, max(offset_to) AS stored_to, max(appended_to) AS appended,
        max(stored_at) AS stored, argMax(ledger_of.worker, stored_at) AS worker
    FROM ingest_blocks AS ledger_of
    WHERE stored_at > {at:DateTime('UTC')} - INTERVAL 1 DAY AND stored_at <= {at:DateTime('UTC')}
    GROUP BY log, topic, kafka_partition
) AS ledger
FULL JOIN
(
    SELECT log, topic, kafka_partition, uniqExact(offset_from) AS pending, min(cut_at) AS agreed
    FROM block_cuts
    WHERE cut_at > {at:DateTime('UTC')} - INTERVAL 1 HOUR AND cut_at <= {at:DateTime('UTC')}
        AND (log, topic, kafka_partition, offset_from) NOT IN
        (
            SELECT log, topic, kafka_partition, offset_from
            FROM ingest_blocks
            WHERE stored_at > {at:DateTime('UTC')} - INTERVAL 1 HOUR AND stored_at <= {at:DateTime('UTC')}
        )
    GROUP BY log, topic, kafka_partition
) AS cuts USING (log, topic, kafka_partition)
WHERE (log, topic) =
    (
        SELECT argMax((log, topic), cut_at)
        FROM block_cuts
        WHERE cut_at > {at:DateTime('UTC')} - INTERVAL 1 DAY AND cut_at <= {at:DateTime('UTC')}
    );
