-- How fast the power of each fleet changed: changes between complete windows of `length_s` seconds (1, 60 or 3600) that are
-- `lag_s` apart, in watts per second; positive where power rose. As many chips reported at both ends, and nothing is missing
-- in between: a gap in the telemetry is no change of power. Fleets of which seconds do not tell the change are left out:
-- those whose samples are longer than 1.5 s for a lag below 10 s, 5.5 s below a minute, and 65 s from there on.
--
-- Each step of `step_s` seconds begins with a null of each fleet, so that a line ends where no change is known.
CREATE OR REPLACE VIEW power_ramps_between AS
SELECT
    change.1 AS time, ramps.site AS site, ramps.fleet AS fleet, ramps.platform AS platform,
    concat(site, ' / ', fleet, ' / ', platform) AS fleet_path, if(colors.color = '', '11', colors.color) AS color,
    change.2 AS w_per_s
FROM
(
    SELECT
        site, fleet, platform,
        arrayConcat(
            groupArray((time, toNullable((power_w - before_w) / {lag_s:UInt32}))),
            arrayMap(
                second -> (toDateTime(second, 'UTC'), CAST(NULL, 'Nullable(Float64)')),
                range(
                    intDiv(toUnixTimestamp({since:DateTime('UTC')}) + {step_s:UInt32}, {step_s:UInt32}) * {step_s:UInt32},
                    toUnixTimestamp({until:DateTime('UTC')}), {step_s:UInt32}))) AS changes
    FROM
    (
        SELECT
            time, site, fleet, platform, power_w, interval_s,
            lagInFrame(power_w, intDiv({lag_s:UInt32}, {length_s:UInt16})) OVER earlier AS before_w,
            time - lagInFrame(time, intDiv({lag_s:UInt32}, {length_s:UInt16})) OVER earlier AS passed_s,
            abs(coverage - lagInFrame(coverage, intDiv({lag_s:UInt32}, {length_s:UInt16})) OVER earlier) AS coverage_moved
        FROM gigawatt.complete_windows_between(
            since = {since:DateTime('UTC')}, until = {until:DateTime('UTC')}, length_s = {length_s:UInt16}) AS windows
        WINDOW earlier AS (
            PARTITION BY site, fleet, platform ORDER BY time ROWS BETWEEN 3600 PRECEDING AND CURRENT ROW)
    )
    WHERE passed_s = {lag_s:UInt32} AND coverage_moved <= 0.02
        AND ({length_s:UInt16} > 1 OR interval_s <= multiIf({lag_s:UInt32} < 10, 1.5, {lag_s:UInt32} < 60, 5.5, 65))
    GROUP BY site, fleet, platform
) AS ramps
LEFT JOIN gigawatt.fleet_colors_at(at = {until:DateTime('UTC')}) AS colors
    ON ramps.site = colors.site AND ramps.fleet = colors.fleet AND ramps.platform = colors.platform
ARRAY JOIN changes AS change;
