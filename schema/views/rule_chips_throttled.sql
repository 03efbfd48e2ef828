-- The share of chips that are throttled, of those that say so, by cause, over three whole minutes (limit throttled_share): late
-- enough for the slowest chip. One bad chip is a matter for its host; the limit is a share of the fleet.
CREATE OR REPLACE VIEW rule_chips_throttled AS
SELECT
    site, fleet, platform, throttled.1 AS cause,
    avg(assumeNotNull(throttled.2) / greatest(limits['throttled_share'], 1e-6)) AS value,
    avg(assumeNotNull(throttled.2)) AS share
FROM gigawatt.complete_windows_between(
    since = {at:DateTime('UTC')} - 255, until = {at:DateTime('UTC')} - 135, length_s = 60)
ARRAY JOIN
    [('power cap', power_capped_share), ('heat', thermal_share), ('hardware', hardware_throttled_share)] AS throttled
WHERE reported_w > 0 AND throttled.2 IS NOT NULL
GROUP BY site, fleet, platform, cause;
