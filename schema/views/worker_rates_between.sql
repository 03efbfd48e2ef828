-- What each worker stored per second, in steps of `step_s` seconds: samples, blocks and commits. Steps that the time cuts are
-- left out: what is counted in them would look like a fall. A row of nulls behind the last step before a pause.
CREATE OR REPLACE VIEW worker_rates_between AS
SELECT
    time + if(ends, {step_s:UInt32}, 0) AS time, worker, if(ends, NULL, rates.samples_per_s) AS samples_per_s,
    if(ends, NULL, rates.commits_per_s) AS commits_per_s, if(ends, NULL, rates.blocks_per_s) AS blocks_per_s
FROM
(
    SELECT
        *, toInt64(leadInFrame(time, 1, time) OVER (
            PARTITION BY worker ORDER BY time ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING)) - toInt64(time) AS pause_s
    FROM
    (
        SELECT
            toStartOfInterval(toDateTime(stored_at), toIntervalSecond({step_s:UInt32})) AS time, worker,
            sum(samples) / {step_s:UInt32} AS samples_per_s, uniq(commit_id) / {step_s:UInt32} AS commits_per_s,
            count() / {step_s:UInt32} AS blocks_per_s
        FROM ingest_blocks
        WHERE stored_at >= toStartOfInterval({since:DateTime('UTC')}, toIntervalSecond({step_s:UInt32})) + {step_s:UInt32}
            AND stored_at < toStartOfInterval({until:DateTime('UTC')}, toIntervalSecond({step_s:UInt32}))
        GROUP BY time, worker
    )
) AS rates
ARRAY JOIN if(pause_s > 2 * greatest({step_s:UInt32}, 30), [0, 1], [0]) AS ends;
