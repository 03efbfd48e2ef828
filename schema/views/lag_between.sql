-- How long the oldest message of each partition was in the log before it was stored, in seconds: of each step of `step_s`
-- seconds the longest. A row of nulls behind the last step before a pause, so that a line ends there.
CREATE OR REPLACE VIEW lag_between AS
SELECT
    time + if(ends, {step_s:UInt32}, 0) AS time, kafka_partition,
    concat('partition ', leftPad(toString(kafka_partition), 2, '0')) AS series,
    leftPad(toString(kafka_partition % 12), 2, '0') AS color, if(ends, NULL, lags.lag_s) AS lag_s
FROM
(
    SELECT
        *, toInt64(leadInFrame(time, 1, time) OVER (
            PARTITION BY kafka_partition ORDER BY time ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING)) - toInt64(time) AS pause_s
    FROM
    (
        SELECT
            toStartOfInterval(toDateTime(stored_at), toIntervalSecond({step_s:UInt32})) AS time, kafka_partition,
            max(toUnixTimestamp64Milli(stored_at) - toUnixTimestamp64Milli(appended_from)) / 1000 AS lag_s
        FROM ingest_blocks
        WHERE stored_at > {since:DateTime('UTC')} AND stored_at <= {until:DateTime('UTC')}
        GROUP BY time, kafka_partition
    )
) AS lags
ARRAY JOIN if(pause_s > 2 * greatest({step_s:UInt32}, 30), [0, 1], [0]) AS ends;
