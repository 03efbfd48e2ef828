-- What each meter measures: a host's meter the host of its name, a rack's meter the hosts of the fleet file.
CREATE OR REPLACE VIEW metered_hosts AS
SELECT site, kind, meter, meter AS host FROM meters WHERE kind = 'host'
UNION DISTINCT
SELECT site, 'rack' AS kind, rack AS meter, host
FROM rack_hosts
WHERE NOT match(host, '[*?]') AND (site, rack) IN (SELECT site, meter FROM meters WHERE kind = 'rack')
UNION DISTINCT
SELECT site, 'rack' AS kind, patterns.rack AS meter, named.host AS host
FROM
(
    SELECT
        site, rack,
        replaceAll(replaceAll(replaceAll(replaceAll(replaceAll(
            host, '\\', '\\\\'), '%', '\\%'), '_', '\\_'), '*', '%'), '?', '_') AS alike
    FROM rack_hosts
    WHERE match(host, '[*?]') AND (site, rack) IN (SELECT site, meter FROM meters WHERE kind = 'rack')
) AS patterns
INNER JOIN
(
    SELECT DISTINCT site, host
    FROM chip_series
    WHERE site IN (SELECT site FROM rack_hosts WHERE match(host, '[*?]')) AND model NOT IN ('host-meter', 'rack-meter')
) AS named USING (site)
WHERE named.host LIKE patterns.alike;
