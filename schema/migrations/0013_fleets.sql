-- What each fleet draws at an instant: one answer for boards, the page and `gigawatt top`.

-- Of each fleet that is expected or was reported within three minutes the newest complete second before `at`. Complete is a
-- second of which as many chips reported as of any other, or nearly; or one that nothing more is to come of: older than
-- the longest mean interval of the fleet's samples and the time that storing takes, by the newest sample of all that is
-- stored. `time` is NULL where there is none. `heard` is whether the fleet still reports; the power of one that does not is
-- the last that was known.
CREATE VIEW fleets_at AS
WITH
    {at:DateTime('UTC')} AS instant,
    least(instant, ifNull(
        (
            SELECT toDateTime(max(newest_ts))
            FROM ingest_blocks
            WHERE stored_at > {at:DateTime('UTC')} - INTERVAL 1 HOUR AND stored_at <= {at:DateTime('UTC')}
        ), instant)) AS horizon
SELECT
    site, fleet, platform,
    max(of_budget_w) AS budget_w,
    argMax(of_limits, length(of_limits)) AS limits,
    if(max(of_capacity), max(of_expected.1), (argMaxIf(of_second, of_second.1, complete) AS second).2) AS chips_expected,
    if(max(of_capacity), max(of_expected.2), second.4) AS power_chips_expected,
    max(of_cadence_s) AS cadence_s,
    if(max(complete), toNullable(second.1), NULL) AS time,
    toInt64(instant) - toInt64(time) - 1 AS age_s,
    ifNull(age_s <= 2 * cadence_s + 30, false)
        AND toInt64(instant) - toInt64(horizon) <= 2 * min(if(cadence_s > 0, cadence_s, 3600)) OVER () + 30 AS heard,
    second.3 AS chips_reporting,
    second.5 AS power_chips_reporting,
    second.6 AS power_w,
    second.7 AS power_estimated_w,
    second.8 AS power_error_w,
    second.9 AS coverage,
    second.10 AS modelled_share,
    second.11 AS utilization,
    second.12 AS tensor_utilization,
    second.13 AS idle_w,
    second.14 AS idle_chips
FROM
(
    SELECT
        site, fleet, platform, false AS of_capacity, (0., 0.) AS of_expected, CAST(NULL, 'Nullable(Float64)') AS of_budget_w,
        CAST(map(), 'Map(String, Float64)') AS of_limits, cadence_s AS of_cadence_s,
        chips_reporting >= 0.98 * max(chips_reporting) OVER (PARTITION BY site, fleet, platform)
            OR toInt64(time) + 1 <= toInt64(horizon) - cadence_s - 5 AS complete,
        (
            time, chips_expected, chips_reporting, power_chips_expected, power_chips_reporting, toNullable(power_w),
            power_estimated_w, power_error_w, coverage, modelled_share, utilization, tensor_utilization,
            toNullable(idle_w), toNullable(idle_chips)
        ) AS of_second
    FROM fleet_power_windows
    LEFT JOIN
    (
        SELECT site, fleet, platform, max(mean_s) AS cadence_s
        FROM
        (
            SELECT site, fleet, platform, sum(sums.chip_seconds) / sum(sums.samples) AS mean_s
            FROM power_by_second AS sums
            WHERE time >= {at:DateTime('UTC')} - 180 AND time < {at:DateTime('UTC')} AND model NOT IN ('host-meter', 'rack-meter')
            GROUP BY site, fleet, platform, power_method
            HAVING sum(sums.samples) > 0
        )
        GROUP BY site, fleet, platform
    ) AS cadences USING (site, fleet, platform)
    WHERE resolution_s = 1 AND time >= {at:DateTime('UTC')} - 180 AND time < {at:DateTime('UTC')}
    UNION ALL
    SELECT
        site, fleet, platform, true, (toFloat64(capacity.chips_expected), toFloat64(capacity.power_chips_expected)),
        capacity.budget_w, capacity.limits, 0, false,
        (toDateTime(0, 'UTC'), 0., 0., 0., 0., NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)
    FROM capacity_at(at = {at:DateTime('UTC')}) AS capacity
)
GROUP BY site, fleet, platform
HAVING chips_expected > 0 OR time IS NOT NULL OR budget_w IS NOT NULL;

-- Budgets as they change: each row holds from `since` on, and takes the place of the row before it.
CREATE VIEW budget_changes AS
SELECT site, fleet, platform, since, if(planned, toNullable(loads.budget_w), NULL) AS budget_w, loads.chips_expected AS chips_expected
FROM budget_loads AS loads;
