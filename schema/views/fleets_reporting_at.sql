-- How many of the chips of each fleet that are to state their power did, in a minute for which all samples are there: see
-- settled_minutes_at. No row where there is no such minute yet. A fleet that sent nothing for a quarter of an hour is taken for
-- one whose samples are a minute long, as those of the slowest platform. A fleet that nobody planned is expected to report
-- for an hour.
CREATE OR REPLACE VIEW fleets_reporting_at AS
WITH
    assumeNotNull((SELECT horizon FROM gigawatt.horizon_at(at = {at:DateTime('UTC')}))) AS horizon,
    (SELECT time FROM gigawatt.reporting_since_at(at = {at:DateTime('UTC')})) AS since
SELECT
    site, fleet, platform, expected.limits AS limits, expected.chips AS power_chips_expected,
    minutes.power_chips_reporting AS power_chips_reporting, least(power_chips_reporting / power_chips_expected, 1) AS coverage
FROM
(
    SELECT site, fleet, platform, limits, toFloat64(capacity.power_chips_expected) AS chips
    FROM gigawatt.capacity_at(at = {at:DateTime('UTC')}) AS capacity
    WHERE chips > 0 AND
    (
        budget_w IS NOT NULL OR (site, fleet, platform) IN
        (
            SELECT site, fleet, platform
            FROM gigawatt.power_by_minute
            WHERE time >= {at:DateTime('UTC')} - INTERVAL 1 HOUR AND time <= {at:DateTime('UTC')}
        )
    )
) AS expected
LEFT JOIN gigawatt.settled_minutes_at(at = {at:DateTime('UTC')}) AS minutes USING (site, fleet, platform)
WHERE if(minutes.settled_s > 0, minutes.is_settled, since <= horizon - (2 * (60 + 15) + 60));
