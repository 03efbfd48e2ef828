-- The color of each site in charts, as one of twelve: as in `fleet_colors_at`.
CREATE OR REPLACE VIEW site_colors_at AS
SELECT site, leftPad(toString((row_number() OVER (ORDER BY min(planned_s), site) - 1) % 12), 2, '0') AS color
FROM
(
    SELECT site, toUnixTimestamp(since) AS planned_s FROM budget_loads
    UNION ALL
    SELECT site, 4294967295
    FROM power_sums
    WHERE resolution_s = 3600 AND time >= toStartOfHour({at:DateTime('UTC')} - INTERVAL 1 DAY)
        AND time <= {at:DateTime('UTC')}
    GROUP BY site
)
GROUP BY site;
