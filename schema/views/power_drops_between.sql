-- Drops of power within ten seconds above a fleet's limit, each told once: where it is deepest among the ten seconds before
-- and after it, and the first of equals. `fleets_together` is how many fleets of the site dropped within ten seconds of it.
CREATE OR REPLACE VIEW power_drops_between AS
SELECT
    toNullable(second - 4) AS dropped_at, site, fleet, platform, concat(site, ' / ', fleet, ' / ', platform) AS fleet_path,
    toNullable(drops.before_w) AS before_w, toNullable(drops.before_w - after_w) AS lost_w, toNullable(drops.lost) AS lost,
    toNullable(uniqExact(fleet, platform) OVER (
        PARTITION BY site ORDER BY toUInt32(second) RANGE BETWEEN 9 PRECEDING AND 9 FOLLOWING)) AS fleets_together
FROM
(
    SELECT
        second, site, fleet, platform, before_w, after_w, lost, rounded,
        max(rounded) OVER (fleets RANGE BETWEEN 10 PRECEDING AND 1 PRECEDING) AS earlier,
        max(rounded) OVER (fleets RANGE BETWEEN 1 FOLLOWING AND 10 FOLLOWING) AS later
    FROM
    (
        SELECT
            time AS second, site, fleet, platform, before_w, after_w, assumeNotNull(changes.lost) AS lost,
            round(lost, 6) AS rounded
        FROM gigawatt.power_changes_between(since = {since:DateTime('UTC')}, until = {until:DateTime('UTC')}) AS changes
        WHERE before_w > 0 AND before_w >= 0.1 * ifNull(budget_w, 0) AND changes.lost > limits['drop_share']
    )
    WINDOW fleets AS (PARTITION BY site, fleet, platform ORDER BY toUInt32(second))
) AS drops
WHERE rounded > earlier AND rounded >= later;
