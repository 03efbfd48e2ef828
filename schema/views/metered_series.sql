-- The series of all meters and of the chips that they measure, without chips that state no power. A reading above what one
-- sample may say stands in several, meter/ID, meter/ID/2, ...: `chassis` is what they share, and the first of them tells how
-- long was measured. Chips of one name in two fleets are two.
CREATE OR REPLACE VIEW metered_series AS
SELECT
    series, site, if(model = 'rack-meter', 'rack', 'host') AS kind, host AS meter, true AS is_meter, host,
    replaceRegexpOne(chip, '^(meter/[^/]+)/[0-9]+$', '\\1') AS chassis, chip,
    min(s.first_seen) AS first_seen, max(s.last_seen) AS last_seen
FROM chip_series AS s
WHERE model IN ('host-meter', 'rack-meter')
GROUP BY series, site, kind, meter, host, chassis, chip
UNION ALL
SELECT series, site, kind, meter, false AS is_meter, host, '' AS chassis, chip, first_seen, last_seen
FROM
(
    SELECT
        series, site, host, concat(fleet, '\0', platform, '\0', s.chip) AS chip,
        min(s.first_seen) AS first_seen, max(s.last_seen) AS last_seen
    FROM chip_series AS s
    WHERE model NOT IN ('host-meter', 'rack-meter') AND (site, host) IN (SELECT site, host FROM metered_hosts)
    GROUP BY series, site, host, chip
    HAVING max(s.power_expected) = 1
) AS measured
INNER JOIN metered_hosts USING (site, host);
