-- More chips of a fleet report than it has, by the inventory of the last five minutes: some are reported twice (limit
-- silent_share: the share of chips of which something wrong is reported). More chips than are planned are not.
CREATE OR REPLACE VIEW rule_chips_doubled AS
SELECT
    site, fleet, platform,
    (chips_reporting / chips_alive - 1) / greatest(seen.limits['silent_share'], 1e-6) AS value,
    greatest(chips_reporting - chips_alive, 0) AS chips_doubled, chips_alive
FROM gigawatt.settled_minutes_at(at = {at:DateTime('UTC')}) AS minutes
INNER JOIN gigawatt.chips_seen_at(at = {at:DateTime('UTC')}) AS seen USING (site, fleet, platform)
WHERE is_settled AND chips_alive > 0;
