-- Hosts with silent chips: seen within a day, and not for five minutes before the newest stored sample. A chip that was
-- reported again later than the instant is not silent.
CREATE OR REPLACE VIEW silent_hosts_at AS
WITH (SELECT horizon FROM gigawatt.horizon_at(at = {at:DateTime('UTC')})) AS horizon
SELECT
    site, fleet, platform, newest_model AS model, newest_host AS host, concat(site, ' / ', fleet, ' / ', platform) AS fleet_path,
    toNullable(countIf(seen <= horizon - 300)) AS silent, toNullable(count()) AS chips,
    toNullable(toDateTime(maxIf(seen, seen <= horizon - 300))) AS last_seen
FROM
(
    SELECT
        site, fleet, platform, argMax(series.model, series.last_seen) AS newest_model,
        argMax(series.host, series.last_seen) AS newest_host, max(series.last_seen) AS seen
    FROM chip_series AS series
    WHERE series.live_seen > horizon - 86400 AND first_seen <= {at:DateTime('UTC')}
        AND series.model NOT IN ('host-meter', 'rack-meter') AND host IN
    (
        SELECT host
        FROM chip_series
        WHERE cityHash64(site, fleet, platform, chip) IN
        (
            SELECT cityHash64(site, fleet, platform, chip) AS chip_key
            FROM chip_series
            WHERE live_seen > horizon - 86400 AND first_seen <= {at:DateTime('UTC')}
                AND model NOT IN ('host-meter', 'rack-meter')
            GROUP BY chip_key
            HAVING max(last_seen) <= horizon - 300
        )
    )
    GROUP BY site, fleet, platform, chip
)
GROUP BY site, fleet, platform, newest_model, newest_host
HAVING silent > 0;
