-- The color of each fleet in charts, as one of twelve: by its place among all fleets that were ever planned, in the order
-- in which they were, so that a new one moves none. Those that nobody planned come after them, by name, as long as they
-- were reported within a day.
CREATE OR REPLACE VIEW fleet_colors_at AS
SELECT
    site, fleet, platform, concat(site, ' / ', fleet, ' / ', platform) AS fleet_path,
    leftPad(toString((row_number() OVER (ORDER BY min(planned_s), fleet_path) - 1) % 12), 2, '0') AS color
FROM
(
    SELECT site, fleet, platform, toUnixTimestamp(since) AS planned_s FROM budget_loads
    UNION ALL
    SELECT site, fleet, platform, 4294967295
    FROM power_sums
    WHERE resolution_s = 3600 AND time >= toStartOfHour({at:DateTime('UTC')} - INTERVAL 1 DAY)
        AND time <= {at:DateTime('UTC')} AND model NOT IN ('host-meter', 'rack-meter')
    GROUP BY site, fleet, platform
)
GROUP BY site, fleet, platform;
