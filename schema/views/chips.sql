-- The inventory: chips, and when each was seen first and last. Meters are none.
CREATE OR REPLACE VIEW chips AS
SELECT
    site, fleet, platform, model, host, chip,
    CAST(min(s.first_seen), 'DateTime64(3, \'UTC\')') AS first_seen, CAST(max(s.last_seen), 'DateTime64(3, \'UTC\')') AS last_seen
FROM chip_series AS s
WHERE model NOT IN ('host-meter', 'rack-meter')
GROUP BY site, fleet, platform, model, host, chip;
