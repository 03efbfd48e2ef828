-- Power meters of hosts and racks, and when each was seen first and last.
CREATE OR REPLACE VIEW meters AS
SELECT
    site, if(model = 'rack-meter', 'rack', 'host') AS kind, host AS meter,
    CAST(min(s.first_seen), 'DateTime64(3, \'UTC\')') AS first_seen, CAST(max(s.last_seen), 'DateTime64(3, \'UTC\')') AS last_seen
FROM chip_series AS s
WHERE model IN ('host-meter', 'rack-meter')
GROUP BY site, kind, meter;
