-- The chips of each fleet against its limits. Known are chips that the inventory saw within a day; silent are those of them
-- that it did not see for five minutes before the newest stored sample, for it renews its times every few seconds to three
-- minutes. A chip that moved to another host is the same chip. Reported twice is how many more chips report, in the minute
-- that ends with the newest complete second, than the inventory saw. Shares of throttled chips are of those that say so,
-- over two to three minutes that are complete.
CREATE OR REPLACE VIEW fleet_chips_at AS
WITH
    (SELECT horizon FROM gigawatt.horizon_at(at = {at:DateTime('UTC')})) AS horizon,
    (SELECT CAST((groupArray(name), groupArray(default_value)), 'Map(String, Float64)') FROM limits) AS defaults,
    if(empty(planned.limits), defaults, planned.limits) AS limits
SELECT
    site, fleet, platform, concat(site, ' / ', fleet, ' / ', platform) AS fleet_path,
    toNullable(inventory.known) AS known, toNullable(inventory.alive) AS alive, known - alive AS silent,
    (1 - alive / known) / greatest(limits['silent_share'], 1e-6) AS silent_of_limit,
    if(isNull(reported), NULL, greatest(reported - alive, 0)) AS twice, twice / nullIf(alive, 0) / greatest(limits['silent_share'], 1e-6) AS twice_of_limit,
    throttled.capped AS capped, throttled.hot AS hot, throttled.slowed AS slowed,
    greatest(capped, hot, slowed) / greatest(limits['throttled_share'], 1e-6) AS throttled_of_limit
FROM
(
    SELECT DISTINCT site, fleet, platform, cityHash64(site, fleet, platform) AS fleet_key
    FROM power_sums
    WHERE resolution_s = 3600 AND time >= toStartOfHour({at:DateTime('UTC')} - 86400) AND time <= {at:DateTime('UTC')}
        AND model NOT IN ('host-meter', 'rack-meter')
) AS reported_fleets
INNER JOIN
(
    SELECT fleet_key, count() AS known, countIf(seen > horizon - 300) AS alive
    FROM
    (
        SELECT cityHash64(site, fleet, platform) AS fleet_key, cityHash64(chip) AS chip_key, max(last_seen) AS seen
        FROM chip_series
        WHERE live_seen > horizon - 86400 AND first_seen <= {at:DateTime('UTC')}
            AND model NOT IN ('host-meter', 'rack-meter')
        GROUP BY fleet_key, chip_key
    )
    GROUP BY fleet_key
) AS inventory USING (fleet_key)
LEFT JOIN
(
    SELECT
        site, fleet, platform,
        toNullable(sumIf(sums.chip_seconds, second > fleets.time - 60 AND second <= fleets.time) / 60) AS reported
    FROM gigawatt.newest_seconds_at(at = {at:DateTime('UTC')}) AS fleets
    LEFT JOIN
    (
        SELECT time AS second, site, fleet, platform, chip_seconds
        FROM power_sums
        WHERE resolution_s = 1 AND time > {at:DateTime('UTC')} - 240 AND time <= {at:DateTime('UTC')}
            AND power_method != '' AND model NOT IN ('host-meter', 'rack-meter')
    ) AS sums USING (site, fleet, platform)
    GROUP BY site, fleet, platform
) AS reports USING (site, fleet, platform)
LEFT JOIN gigawatt.budgets_at(at = {at:DateTime('UTC')}) AS planned USING (site, fleet, platform)
LEFT JOIN
(
    SELECT
        site, fleet, platform,
        toNullable(sum(power_capped_chip_seconds) / sum(throttle_chip_seconds)) AS capped,
        toNullable(sum(thermal_chip_seconds) / sum(throttle_chip_seconds)) AS hot,
        toNullable(sum(hardware_throttled_chip_seconds) / sum(throttle_chip_seconds)) AS slowed
    FROM power_sums
    WHERE resolution_s = 60 AND time > {at:DateTime('UTC')} - 256 AND time <= {at:DateTime('UTC')} - 135
        AND model NOT IN ('host-meter', 'rack-meter')
    GROUP BY site, fleet, platform
    HAVING sum(throttle_chip_seconds) > 0
) AS throttled USING (site, fleet, platform);
