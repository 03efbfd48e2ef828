-- How many chips are expected of each fleet now.
CREATE OR REPLACE VIEW expected_chips AS
SELECT site, fleet, platform, toUInt64(capacity.chips_expected) AS chips_expected
FROM gigawatt.capacity_at(at = now()) AS capacity
WHERE capacity.chips_expected > 0;
