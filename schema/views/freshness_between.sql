-- How long it took from a block's newest sample until it was stored, by samples, in seconds: of each step of `step_s` seconds.
-- A row of nulls behind the last step before a pause, so that a line ends there.
CREATE OR REPLACE VIEW freshness_between AS
SELECT
    time + if(ends, {step_s:UInt32}, 0) AS time, if(ends, NULL, delays.p50_s) AS p50_s, if(ends, NULL, delays.p99_s) AS p99_s
FROM
(
    SELECT
        *, toInt64(leadInFrame(time, 1, time) OVER (ORDER BY time ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING)) - toInt64(time)
            AS pause_s
    FROM
    (
        SELECT
            toStartOfInterval(toDateTime(stored_at), toIntervalSecond({step_s:UInt32})) AS time,
            quantilesExactWeighted(0.5, 0.99)(
                toUnixTimestamp64Milli(stored_at) - toUnixTimestamp64Milli(assumeNotNull(newest_ts)), samples) AS delays_ms,
            delays_ms[1] / 1000 AS p50_s, delays_ms[2] / 1000 AS p99_s
        FROM ingest_blocks
        WHERE stored_at > {since:DateTime('UTC')} AND stored_at <= {until:DateTime('UTC')} AND newest_ts IS NOT NULL
        GROUP BY time
    )
) AS delays
ARRAY JOIN if(pause_s > 2 * {step_s:UInt32}, [0, 1], [0]) AS ends;
