-- Names of chips and when they were seen, as they are stored: a series may have several rows, which dashboards may ask where a
-- view of all would cost more. `live_seen` is the end of the newest sample that the broker had within an hour.
CREATE OR REPLACE VIEW chip_sightings AS
SELECT
    series, site, fleet, platform, model, host, chip,
    CAST(seen.first_seen, 'DateTime64(3, \'UTC\')') AS first_seen, CAST(seen.last_seen, 'DateTime64(3, \'UTC\')') AS last_seen,
    CAST(seen.host_key, 'UInt64') AS host_key, CAST(seen.live_seen, 'DateTime64(3, \'UTC\')') AS live_seen
FROM chip_series AS seen;
