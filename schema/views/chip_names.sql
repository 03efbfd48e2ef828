-- The names that belong to a series of raw samples.
CREATE OR REPLACE VIEW chip_names AS
SELECT
    series, site, fleet, platform, model, host, chip, CAST(anyLast(s.host_key), 'UInt64') AS host_key,
    CAST(min(s.first_seen), 'DateTime64(3, \'UTC\')') AS first_seen, CAST(max(s.last_seen), 'DateTime64(3, \'UTC\')') AS last_seen
FROM chip_series AS s
GROUP BY series, site, fleet, platform, model, host, chip;
