-- Since when anybody reports without a pause at an instant: the end of that sample, of any fleet, which comes much later than
-- usual after the one before it (by five seconds more than twice as long); NULL where nobody reports now.
--
-- By the ends of samples: none is in a pause. A sample of a minute reaches back into it, a block of the ledger over it. What
-- is older than a quarter of an hour matters to no rule; the first second there has none before it, and begins it. Who
-- pauses again and again does not begin each time, or nobody would learn what is missing.
CREATE OR REPLACE VIEW reporting_since_at AS
SELECT
    if(
        max(ends.time) < {at:DateTime('UTC')} - (5 + 15 + 2 * any(usual_s)), NULL,
        if(countIf(after_pause) > 5, min(ends.time), maxIf(ends.time, after_pause))
    ) AS time
FROM
(
    SELECT
        time,
        ifNotFinite(quantileIf(0.9)(passed_s, passed_s < at_s) OVER (), 0) AS usual_s,
        passed_s > 5 + 2 * usual_s AS after_pause
    FROM
    (
        SELECT
            time,
            toUnixTimestamp(time) AS at_s,
            at_s - lagInFrame(at_s) OVER (ORDER BY time ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS passed_s
        FROM
        (
            SELECT time
            FROM gigawatt.power_by_second
            WHERE time > {at:DateTime('UTC')} - INTERVAL 15 MINUTE AND time <= {at:DateTime('UTC')} AND samples > 0
            GROUP BY time
        )
    )
) AS ends;
