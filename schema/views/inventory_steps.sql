-- How many chips the inventory knows, as steps: each row holds from `since` on. Of fleets that were not always planned they
-- are all chips, of others those alone that state no power. A chip is expected from its first sample until a day after its
-- last live one, or until its last of any kind.
CREATE OR REPLACE VIEW inventory_steps AS
SELECT
    site, fleet, platform, since,
    sum(sum(seen)) OVER fleets AS chips_seen,
    sum(sum(powerless)) OVER fleets AS powerless_chips
FROM
(
    SELECT site, fleet, platform, step.1 AS since, step.2 AS seen, if(states_power, 0, seen) AS powerless
    FROM
    (
        SELECT
            site, fleet, platform, max(s.power_expected) AS states_power,
            [
                (toDateTime(min(s.first_seen)), toInt64(1)),
                (
                    greatest(
                        toStartOfMinute(toDateTime(max(s.last_seen))) + INTERVAL 60 SECOND,
                        toStartOfMinute(toDateTime(max(s.live_seen))) + INTERVAL 86460 SECOND),
                    toInt64(-1)
                )
            ] AS steps
        FROM chip_series AS s
        WHERE model NOT IN ('host-meter', 'rack-meter') AND cityHash64(site, fleet, platform) IN
        (
            SELECT cityHash64(site, fleet, platform)
            FROM
            (
                SELECT site, fleet, platform FROM label_rulings WHERE site != ''
                UNION DISTINCT
                SELECT site, fleet, platform FROM power_sums WHERE resolution_s = 3600 AND time >= now() - INTERVAL 26 HOUR
            )
            WHERE (site, fleet, platform) NOT IN (SELECT site, fleet, platform FROM always_planned)
        )
        GROUP BY site, fleet, platform, cityHash64(chip)
        UNION ALL
        SELECT
            site, fleet, platform, false,
            [
                (toDateTime(min(s.first_seen)), toInt64(1)),
                (
                    greatest(
                        toStartOfMinute(toDateTime(max(s.last_seen))) + INTERVAL 60 SECOND,
                        toStartOfMinute(toDateTime(max(s.live_seen))) + INTERVAL 86460 SECOND),
                    toInt64(-1)
                )
            ]
        FROM chip_series AS s
        WHERE series IN (SELECT series FROM chip_series WHERE power_expected = 0)
            AND model NOT IN ('host-meter', 'rack-meter')
            AND (site, fleet, platform) IN (SELECT site, fleet, platform FROM always_planned)
        GROUP BY site, fleet, platform, cityHash64(chip)
        HAVING max(s.power_expected) = 0
    )
    ARRAY JOIN steps AS step
    WHERE since <= now()
)
GROUP BY site, fleet, platform, since
WINDOW fleets AS (PARTITION BY site, fleet, platform ORDER BY since ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW);
