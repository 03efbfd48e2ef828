-- How late what is stored is (limit freshness_s, the strictest of all fleets): the delay from a sample's end to its being
-- stored, by the median of the last minute's blocks; or, where nothing is stored any more, how much longer than usual that
-- lasts. A source of a sample a minute is no late source, and what was over an hour old when it was sent is a recording that is
-- played again, of which nothing is late. No row where nothing was stored for ten minutes.
CREATE OR REPLACE VIEW rule_freshness_lost AS
WITH
    (SELECT CAST((groupArray(name), groupArray(default_value)), 'Map(String, Float64)') FROM gigawatt.limits) AS defaults,
    (
        SELECT if(count() = 0, defaults['freshness_s'], min(limits['freshness_s']))
        FROM gigawatt.budgets_at(at = {at:DateTime('UTC')})
    ) AS limit_s
SELECT late_s / greatest(assumeNotNull(limit_s), 1e-6) AS value, greatest(delay_s, silent_s - 2 * pause_s) AS late_s
FROM
(
    SELECT
        ifNotFinite(quantileExactIf(0.5)(stored_s - newest_s, stored_s > last_s - 60 AND is_live), 0) AS delay_s,
        toFloat64({at:DateTime('UTC')}) - any(last_s) AS silent_s,
        (any(last_s) - min(stored_s)) / greatest(uniqExact(stored_s) - 1, 1) AS pause_s
    FROM
    (
        SELECT
            toFloat64(stored_at) AS stored_s, toFloat64(assumeNotNull(newest_ts)) AS newest_s, max(stored_s) OVER () AS last_s,
            newest_s > toFloat64(appended_to) - 3600 AS is_live
        FROM gigawatt.ingest_blocks
        WHERE stored_at > {at:DateTime('UTC')} - 600 AND stored_at <= {at:DateTime('UTC')} AND newest_ts IS NOT NULL
    )
    HAVING count() > 0
);
