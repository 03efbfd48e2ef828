-- How fresh the store is: the delay from a block's newest sample until it was stored, by samples, in the last minute in which
-- anything was stored; the age of the newest stored sample; and how long ago anything was stored. No row where nothing was
-- within an hour.
CREATE OR REPLACE VIEW freshness_at AS
SELECT
    if(known, delays_ms[1] / 1000, NULL) AS p50_s, if(known, delays_ms[2] / 1000, NULL) AS p99_s,
    if(newest_s IS NULL, NULL, greatest(toFloat64({at:DateTime('UTC')}) - newest_s, 0)) AS newest_age_s,
    greatest(toFloat64({at:DateTime('UTC')}) - last_s, 0) AS stored_ago_s
FROM
(
    SELECT
        quantilesExactWeightedIf(0.5, 0.99)(
            toUnixTimestamp64Milli(stored_at) - toUnixTimestamp64Milli(assumeNotNull(newest_ts)), samples,
            newest_ts IS NOT NULL AND stored_at > last - 60) AS delays_ms,
        countIf(newest_ts IS NOT NULL AND stored_at > last - 60) > 0 AS known,
        max(toFloat64(newest_ts)) AS newest_s, max(toFloat64(stored_at)) AS last_s
    FROM
    (
        SELECT stored_at, newest_ts, samples, max(stored_at) OVER () AS last
        FROM ingest_blocks
        WHERE stored_at > {at:DateTime('UTC')} - INTERVAL 1 HOUR AND stored_at <= {at:DateTime('UTC')}
    )
    HAVING count() > 0
);
