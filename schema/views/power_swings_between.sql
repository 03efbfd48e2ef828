-- How far the power of each fleet swung within each minute, from trough to peak: of minutes of which every second is
-- complete, and as many chips reported throughout. Fleets whose samples are longer than a second are left out. Null in the
-- other minutes, so that a line ends there.
CREATE OR REPLACE VIEW power_swings_between AS
SELECT
    swing.1 AS time, swings.site AS site, swings.fleet AS fleet, swings.platform AS platform,
    concat(site, ' / ', fleet, ' / ', platform) AS fleet_path, if(colors.color = '', '11', colors.color) AS color,
    swing.2 AS swing_w
FROM
(
    SELECT
        site, fleet, platform,
        arrayConcat(
            groupArray((time, toNullable(swing_w))),
            arrayMap(
                minute -> (toDateTime(minute, 'UTC'), CAST(NULL, 'Nullable(Float64)')),
                range(
                    toUnixTimestamp(toStartOfMinute({since:DateTime('UTC')}) + 60), toUnixTimestamp({until:DateTime('UTC')}),
                    60))) AS minutes
    FROM
    (
        SELECT toStartOfMinute(second) AS time, site, fleet, platform, max(power_w) - min(power_w) AS swing_w
        FROM
        (
            SELECT time AS second, site, fleet, platform, power_w, coverage
            FROM gigawatt.complete_windows_between(
                since = {since:DateTime('UTC')}, until = {until:DateTime('UTC')}, length_s = 1)
            WHERE interval_s <= 1.5
        )
        GROUP BY time, site, fleet, platform
        HAVING count() = 60 AND max(coverage) - min(coverage) <= 0.02
    )
    GROUP BY site, fleet, platform
) AS swings
LEFT JOIN gigawatt.fleet_colors_at(at = {until:DateTime('UTC')}) AS colors
    ON swings.site = colors.site AND swings.fleet = colors.fleet AND swings.platform = colors.platform
ARRAY JOIN minutes AS swing;
