-- Energy of today and of this month until an instant, by fleet and model, in UTC, to the hour.
CREATE OR REPLACE VIEW energy_at AS
SELECT
    site, fleet, platform, model, concat(site, ' / ', fleet, ' / ', platform) AS fleet_path,
    toNullable(sumIf(sums.energy_j, time >= toStartOfDay({at:DateTime('UTC')})) / 3600) AS today_wh,
    toNullable(sum(sums.energy_j) / 3600) AS month_wh
FROM power_sums AS sums
WHERE resolution_s = 3600 AND time >= toDateTime(toStartOfMonth({at:DateTime('UTC')}), 'UTC')
    AND time <= {at:DateTime('UTC')} AND model NOT IN ('host-meter', 'rack-meter')
GROUP BY site, fleet, platform, model;
