-- How many chips of each fleet are not expected to state their power, as steps: each row holds from `since` on. As in
-- inventory_steps, of which planned fleets need no more: this asks the inventory for few chips, mostly for none.
CREATE OR REPLACE VIEW powerless_steps AS
SELECT site, fleet, platform, since, sum(sum(more)) OVER fleets AS powerless_chips
FROM
(
    SELECT
        site, fleet, platform,
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
    WHERE series IN (SELECT series FROM chip_series WHERE power_expected = 0)
        AND model NOT IN ('host-meter', 'rack-meter')
    GROUP BY site, fleet, platform, cityHash64(chip)
    HAVING max(s.power_expected) = 0
)
ARRAY JOIN steps.1 AS since, steps.2 AS more
WHERE since <= now()
GROUP BY site, fleet, platform, since
WINDOW fleets AS (PARTITION BY site, fleet, platform ORDER BY since ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW);
