-- The ledger step by step: each block that was stored in a time, with the offset at which it had to begin, which is where the
-- one before it in its partition ended. `broken` says what is wrong: a gap, or an overlap; from and to which offset, and how
-- many messages that is. The first block of each partition has none before it that could be missing.
CREATE OR REPLACE VIEW ledger_steps_between AS
SELECT
    log, topic, kafka_partition, offset_from, toNullable(steps.stored_at) AS stored_at, worker, samples, rejected, lost,
    multiIf(offset_from = expected OR expected = 0, '', offset_from > expected, 'gap', 'overlap') AS broken,
    if(broken = '', NULL, least(offset_from, expected)) AS broken_from,
    if(broken = '', NULL, greatest(offset_from, expected) - 1) AS broken_to,
    broken_to - broken_from + 1 AS broken_messages
FROM
(
    SELECT
        log, topic, kafka_partition, offset_from, stored_at, worker, samples, rejected, lost,
        lagInFrame(offset_to + 1) OVER (
            PARTITION BY log, topic, kafka_partition ORDER BY offset_from ROWS BETWEEN 1 PRECEDING AND CURRENT ROW
        ) AS expected
    FROM ingest_blocks
    WHERE stored_at > {since:DateTime('UTC')} AND stored_at <= {until:DateTime('UTC')}
) AS steps;
