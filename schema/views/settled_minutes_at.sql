-- How many chips of each fleet reported in a minute for which all samples are there: it ends as long before the end of what is
-- stored as the fleet's samples take to be stored (`settled_s`: their length, and up to 15 s), and begins as long after the
-- fleet began to report, and anybody without a pause (`is_settled`: there is such a minute). What is stored later counts in
-- a later minute. No row of a fleet that sent nothing for a quarter of an hour.
CREATE OR REPLACE VIEW settled_minutes_at AS
WITH
    assumeNotNull((SELECT horizon FROM gigawatt.horizon_at(at = {at:DateTime('UTC')}))) AS horizon,
    (SELECT time FROM gigawatt.reporting_since_at(at = {at:DateTime('UTC')})) AS since
SELECT
    site, fleet, platform,
    sumIf(chips, is_of_minute) / 60 AS chips_reporting,
    sumIf(chips, is_of_minute AND power_method != '') / 60 AS power_chips_reporting,
    any(takes_s) AS settled_s,
    ifNull(since <= horizon - (2 * settled_s + 60), false)
        AND minIf(time, ended > 0) <= horizon - (2 * settled_s + 60) AS is_settled
FROM
(
    SELECT
        time, site, fleet, platform, power_method, chip_seconds AS chips, samples AS ended,
        sum(chip_seconds) OVER fleets / greatest(sum(samples) OVER fleets, 1) AS interval_s,
        if(interval_s > 0, interval_s, 60) + 15 AS takes_s,
        horizon - (interval_s + 15) AS until,
        time > until - 60 AND time <= until AS is_of_minute
    FROM gigawatt.power_by_second
    WHERE time > horizon - 900 AND time <= horizon AND model NOT IN ('host-meter', 'rack-meter')
    WINDOW fleets AS (PARTITION BY site, fleet, platform)
)
GROUP BY site, fleet, platform;
