-- Chips of a fleet that were reported under two hosts or models within five minutes before the newest stored sample: by two
-- producers, or they were moved a moment ago. At most a hundred.
CREATE OR REPLACE VIEW renamed_chips_at AS
WITH (SELECT horizon FROM gigawatt.horizon_at(at = {at:DateTime('UTC')})) AS horizon
SELECT
    site, fleet, platform, any(one.model) AS model, chip, concat(site, ' / ', fleet, ' / ', platform) AS fleet_path,
    toNullable(count()) AS names, arrayStringConcat(arraySort(groupArray(concat(one.model, ' on ', host))), ', ') AS reported_as
FROM
(
    SELECT site, fleet, platform, model, host, chip
    FROM chip_series
    WHERE cityHash64(site, fleet, platform, chip) IN
    (
        SELECT cityHash64(site, fleet, platform, chip) AS chip_key
        FROM chip_series
        WHERE last_seen > horizon - 300 AND first_seen <= {at:DateTime('UTC')} AND model NOT IN ('host-meter', 'rack-meter')
        GROUP BY chip_key
        HAVING min(series) != max(series)
        LIMIT 100
    )
    GROUP BY site, fleet, platform, model, host, chip
    HAVING max(last_seen) > horizon - 300
) AS one
GROUP BY site, fleet, platform, chip;
