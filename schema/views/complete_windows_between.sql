-- Complete windows of `length_s` seconds (1, 60 or 3600): those of which enough of a fleet's chips reported, by its limit,
-- with the power that is corrected for the rest. A gap in the telemetry looks like a drop of the load to whoever adds up
-- what arrives; here it is no row.
--
-- What was expected and budgeted is that of the window itself; of a fleet that nobody planned as many chips as reported
-- at most. `interval_s` is the mean interval of the fleet's samples: a change within it cannot be told. `idle_w` is what idle chips
-- draw, as reported; shares of throttled chips are of those that say so.
CREATE OR REPLACE VIEW complete_windows_between AS
WITH (SELECT CAST((groupArray(name), groupArray(default_value)), 'Map(String, Float64)') FROM limits) AS defaults
SELECT
    time, site, fleet, platform, budget_w, limits, interval_s, coverage, reported_w / least(coverage, 1) AS power_w,
    reported_w, idle_w, throttled_s[1] / nullIf(throttled_s[4], 0) AS power_capped_share,
    throttled_s[2] / nullIf(throttled_s[4], 0) AS thermal_share,
    throttled_s[3] / nullIf(throttled_s[4], 0) AS hardware_throttled_share
FROM
(
    SELECT
        time, site, fleet, platform, reported_w, idle_w, throttled_s, known, budget_w, limits,
        known / if(expected > 0, expected, max(known) OVER fleets) AS coverage,
        {length_s:UInt16} * sum(known) OVER fleets / greatest(sum(ended) OVER fleets, 1) AS interval_s
    FROM
    (
        SELECT
            sums.time AS time, sums.site AS site, sums.fleet AS fleet, sums.platform AS platform,
            sums.reported_w AS reported_w, sums.idle_w AS idle_w, sums.throttled_s AS throttled_s, sums.known AS known,
            sums.ended AS ended,
            if(plan.planned, toNullable(plan.budget_w), NULL) AS budget_w,
            if(empty(plan.limits), defaults, plan.limits) AS limits,
            if(plan.planned, greatest(toFloat64(plan.chips_expected) - inventory.powerless_chips, 0), 0) AS expected
        FROM
        (
            SELECT
                time, site, fleet, platform,
                sum(s.energy_j) / {length_s:UInt16} AS reported_w, sum(s.idle_j) / {length_s:UInt16} AS idle_w,
                sumIf(s.chip_seconds, power_method != '') / {length_s:UInt16} AS known,
                sumIf(s.samples, power_method != '') AS ended,
                [
                    sum(s.power_capped_chip_seconds), sum(s.thermal_chip_seconds),
                    sum(s.hardware_throttled_chip_seconds), sum(s.throttle_chip_seconds)
                ] AS throttled_s
            FROM power_sums AS s
            WHERE resolution_s = {length_s:UInt16} AND time >= {since:DateTime('UTC')} AND time <= {until:DateTime('UTC')}
                AND model NOT IN ('host-meter', 'rack-meter')
            GROUP BY time, site, fleet, platform
        ) AS sums
        ASOF LEFT JOIN
        (
            SELECT
                site, fleet, platform, since, planned, budget_w, chips_expected, mapUpdate(defaults, loads.limits) AS limits
            FROM budget_loads AS loads
        ) AS plan
            ON sums.site = plan.site AND sums.fleet = plan.fleet AND sums.platform = plan.platform
                AND sums.time >= plan.since
        ASOF LEFT JOIN powerless_steps AS inventory
            ON sums.site = inventory.site AND sums.fleet = inventory.fleet AND sums.platform = inventory.platform
                AND sums.time >= inventory.since
    )
    WINDOW fleets AS (PARTITION BY site, fleet, platform)
)
WHERE known > 0 AND coverage >= limits['coverage_share'];
