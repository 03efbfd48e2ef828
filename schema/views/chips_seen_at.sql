-- Chips of each fleet that were seen within a day before an instant (chips_known) and within five minutes (chips_alive), with
-- the fleet's limits. Hashes stand for names, of which there are a million.
CREATE OR REPLACE VIEW chips_seen_at AS
WITH
    (SELECT CAST((groupArray(name), groupArray(default_value)), 'Map(String, Float64)') FROM gigawatt.limits) AS defaults,
    assumeNotNull((SELECT horizon FROM gigawatt.horizon_at(at = {at:DateTime('UTC')}))) AS horizon
SELECT
    site, fleet, platform, chips_known, chips_alive,
    if(empty(held.limits), defaults, held.limits) AS limits
FROM
(
    SELECT
        site, fleet, platform,
        toFloat64(uniqExact(cityHash64(chip))) AS chips_known,
        toFloat64(uniqExactIf(cityHash64(chip), last_seen > horizon - 300)) AS chips_alive
    FROM gigawatt.chip_sightings
    WHERE live_seen > horizon - 86400 AND first_seen <= {at:DateTime('UTC')}
        AND model NOT IN ('host-meter', 'rack-meter')
    GROUP BY site, fleet, platform
) AS seen
LEFT JOIN gigawatt.budgets_at(at = {at:DateTime('UTC')}) AS held USING (site, fleet, platform);
