-- Power over time: of each fleet a row for each step of `step_s` seconds (at least as long as the sums that are read: seconds
-- below 30 s, then minutes, hours from 3,600 s on). Means over the step; null where nothing is known of the fleet, so that
-- a line ends there. A time of which nothing is known of any fleet has one such row, behind the last one before it.
--
-- Each fleet goes up to its newest complete second. `complete_until` is when the last of what is read for it begins, and near
-- the end of the time where the fleet does not report any more: a sum of fleets is right for times up to the least of it.
--
-- What was expected and budgeted is that of then. Of a fleet that nobody planned, as many chips are missed as it had.
-- `last_power_w` is the power that was known last.
CREATE OR REPLACE VIEW fleet_power_between AS
WITH
    multiIf({step_s:UInt32} >= 3600, 3600, {step_s:UInt32} >= 30, 60, 1) AS length_s,
    greatest({step_s:UInt32}, length_s) AS every_s,
    (
        SELECT (arraySort(groupUniqArray(intDiv(toUnixTimestamp(time), every_s))), groupUniqArray((site, fleet, platform)))
        FROM power_sums
        WHERE resolution_s = length_s AND time >= {since:DateTime('UTC')} AND time <= {until:DateTime('UTC')}
            AND model NOT IN ('host-meter', 'rack-meter')
    ) AS found,
    (
        SELECT groupArray((site, fleet, platform, time, if(heard, time, {until:DateTime('UTC')})))
        FROM gigawatt.newest_seconds_at(at = {until:DateTime('UTC')})
    ) AS newest,
    (
        SELECT groupArray((site, fleet, platform))
        FROM
        (
            SELECT site, fleet, platform
            FROM budget_loads
            WHERE since <= {until:DateTime('UTC')}
            GROUP BY site, fleet, platform
            HAVING argMax(planned, since)
        )
    ) AS planned_fleets
SELECT
    points.time AS time, points.site AS site, points.fleet AS fleet, points.platform AS platform,
    concat(site, ' / ', fleet, ' / ', platform) AS fleet_path,
    if(colors.color = '', '11', colors.color) AS color,
    points.power_w AS power_w, error_w, error_share, reported_w,
    reported_w * (1 - ifNull(modelled_share, 0)) AS measured_w, reported_w * modelled_share AS modelled_w,
    idle_w, last_power_w, complete_until,
    if(anything, plan.budget_w, NULL) AS budget_w,
    if(anything, ifNull(reporting, 0), NULL) AS chips_reporting,
    if(anything, ifNull(power_reporting, 0), NULL) AS power_chips_reporting,
    if(anything, ifNull(expected, if(isNull(plan.budget_w), last_expected, toFloat64(plan.chips_expected))), NULL)
        AS chips_expected,
    if(anything, ifNull(power_expected, if(isNull(plan.budget_w), last_power_expected, toFloat64(plan.chips_expected))),
        NULL) AS power_chips_expected
FROM
(
    SELECT
        *,
        last_value(power_w) OVER before AS last_power_w,
        ifNull(last_value(expected) OVER before, 0) AS last_expected,
        ifNull(last_value(power_expected) OVER before, 0) AS last_power_expected
    FROM
    (
        SELECT
            toDateTime(step * every_s, 'UTC') AS time, site, fleet, platform,
            max(is_known) AS anything, assumeNotNull(any(until)) + 1 - length_s AS complete_until,
            avg(windows.power_w) AS power_w, avg(windows.error_w) AS error_w,
            avg(windows.error_w / nullIf(windows.power_w, 0)) AS error_share, avg(windows.reported_w) AS reported_w,
            sum(windows.reported_w * windows.modelled_share) / nullIf(sum(windows.reported_w), 0) AS modelled_share,
            avg(windows.idle_w) AS idle_w, avg(windows.reporting) AS reporting, avg(windows.expected) AS expected,
            avg(windows.power_reporting) AS power_reporting, avg(windows.power_expected) AS power_expected
        FROM
        (
            SELECT
                intDiv(toUnixTimestamp(one.time), every_s) AS step, one.site AS site, one.fleet AS fleet,
                one.platform AS platform, false AS is_known, CAST(NULL, 'Nullable(DateTime(\'UTC\'))') AS until,
                power_estimated_w AS power_w, power_error_w AS error_w, toNullable(one.power_w) AS reported_w,
                one.modelled_share AS modelled_share, toNullable(one.idle_w) AS idle_w,
                toNullable(chips_reporting) AS reporting, toNullable(chips_expected) AS expected,
                toNullable(power_chips_reporting) AS power_reporting, toNullable(power_chips_expected) AS power_expected
            FROM fleet_power_windows AS one
            LEFT JOIN
            (
                SELECT newest_of.1 AS site, newest_of.2 AS fleet, newest_of.3 AS platform, newest_of.4 AS settled
                FROM (SELECT arrayJoin(newest) AS newest_of)
            ) AS cut USING (site, fleet, platform)
            WHERE resolution_s = length_s AND one.time >= {since:DateTime('UTC')} AND one.time <= {until:DateTime('UTC')}
                AND (cut.settled = toDateTime(0, 'UTC') OR one.time + length_s <= cut.settled + 1)
            UNION ALL
            SELECT
                moment.1 AS step, of.1 AS site, of.2 AS fleet, of.3 AS platform, moment.2 AS is_known, toNullable(of.5) AS until,
                NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
            FROM
            (
                SELECT
                    arrayJoin(arrayConcat(newest, arrayMap(
                        one -> (one.1, one.2, one.3, toDateTime(0, 'UTC'), {until:DateTime('UTC')}),
                        arrayFilter(
                            one -> NOT has(arrayMap(known -> (known.1, known.2, known.3), newest), one),
                            arrayDistinct(arrayConcat(found.2, planned_fleets))))))
                        AS of
            ) AS groups
            CROSS JOIN
            (
                SELECT arrayJoin(arrayConcat(
                    arrayMap(step -> (toInt64(step), true), found.1),
                    arrayMap(step -> (step, false), arrayFilter(step -> step > 0, arrayMap(
                        (step, passed) -> if(passed > 1, step - passed + 1, 0), found.1, arrayDifference(found.1)))))) AS moment
            ) AS moments
        ) AS windows
        GROUP BY step, site, fleet, platform
    )
    WINDOW before AS (
        PARTITION BY site, fleet, platform ORDER BY time ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
) AS points
ASOF LEFT JOIN
(
    SELECT site, fleet, platform, since, if(planned, toNullable(loads.budget_w), NULL) AS budget_w, loads.chips_expected AS chips_expected
    FROM budget_loads AS loads
) AS plan
    ON points.site = plan.site AND points.fleet = plan.fleet AND points.platform = plan.platform
        AND points.time >= plan.since
LEFT JOIN gigawatt.fleet_colors_at(at = {until:DateTime('UTC')}) AS colors
    ON points.site = colors.site AND points.fleet = colors.fleet AND points.platform = colors.platform;
