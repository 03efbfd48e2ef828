-- Power of each fleet in windows of a second, a minute and an hour: means over the window, so joules are mean watts at one
-- second. Whoever asks for no percentile leaves the histograms unread.
--
-- What was expected and budgeted is that of when the window began. Coverage and what follows from it are of chips that are
-- expected to state their power: a second die or a virtual GPU reports and has no power of its own.
--
-- power_error_w, one standard deviation: readings err independently (roots of summed squares); what is modelled or
-- a percentage errs alike on every chip, for it shares its constants (plain sums); each missing chip may lie as far
-- from the mean as reporting chips do, all of them together. Where only some samples state an error, theirs
-- stands for the rest; where none does, it is null.
CREATE OR REPLACE VIEW fleet_power_windows AS
SELECT
    sums.resolution_s AS resolution_s, sums.time AS time, sums.site AS site, sums.fleet AS fleet, sums.platform AS platform,
    sums.energy_j / resolution_s AS power_w,
    sums.reported_s / resolution_s AS chips_reporting,
    toFloat64(if(plan.planned, toInt64(plan.chips_expected), inventory.chips_seen)) AS chips_expected,
    sums.known_s / resolution_s AS power_chips_reporting,
    greatest(chips_expected - inventory.powerless_chips, 0) AS power_chips_expected,
    if(power_chips_expected > 0, power_chips_reporting / power_chips_expected, NULL) AS coverage,
    if(power_chips_reporting > 0, power_w / least(ifNull(coverage, 1), 1), NULL) AS power_estimated_w,
    if(error_known_s > 0,
        sqrt(
            independent_w2 / resolution_s * known_s / error_known_s
            + pow(alike_w / resolution_s * known_s / error_known_s, 2)
            + pow(greatest(power_chips_expected - power_chips_reporting, 0), 2)
                * greatest(power_w2 / known_s - pow(power_w / power_chips_reporting, 2), 0)),
        NULL) AS power_error_w,
    if(utilization_chip_seconds > 0, utilization_seconds / utilization_chip_seconds, NULL) AS utilization,
    if(tensor_chip_seconds > 0, tensor_seconds / tensor_chip_seconds, NULL) AS tensor_utilization,
    quantiles_w[1] AS p50_chip_w,
    quantiles_w[2] AS p95_chip_w,
    quantiles_w[3] AS p99_chip_w,
    if(known_s > 0, CAST(sums.max_w, 'Float64'), NULL) AS max_chip_w,
    if(sums.energy_j > 0, modelled_j / sums.energy_j, NULL) AS modelled_share,
    sums.energy_j AS energy_j,
    sums.idle_j / resolution_s AS idle_w,
    sums.idle_chip_seconds / resolution_s AS idle_chips,
    if(throttle_chip_seconds > 0, throttled_s[1] / throttle_chip_seconds, NULL) AS power_capped_share,
    if(throttle_chip_seconds > 0, throttled_s[2] / throttle_chip_seconds, NULL) AS thermal_share,
    if(throttle_chip_seconds > 0, throttled_s[3] / throttle_chip_seconds, NULL) AS hardware_throttled_share,
    if(plan.planned, toNullable(plan.budget_w), NULL) AS budget_w,
    plan.limits AS limits
FROM
(
    SELECT
        resolution_s, time, site, fleet, platform,
        sum(s.energy_j) AS energy_j,
        sum(s.chip_seconds) AS reported_s,
        sumIf(s.chip_seconds, power_method != '') AS known_s,
        sumIf(s.energy_j, power_method IN ('model', 'percent')) AS modelled_j,
        sumIf(s.error_w2_seconds, power_method NOT IN ('model', 'percent')) AS independent_w2,
        sumIf(s.error_w_seconds, power_method IN ('model', 'percent')) AS alike_w,
        sum(s.error_chip_seconds) AS error_known_s,
        sum(s.power_w2_seconds) AS power_w2,
        sum(s.utilization_seconds) AS utilization_seconds,
        sum(s.utilization_chip_seconds) AS utilization_chip_seconds,
        sum(s.tensor_seconds) AS tensor_seconds,
        sum(s.tensor_chip_seconds) AS tensor_chip_seconds,
        sum(s.idle_j) AS idle_j,
        sum(s.idle_chip_seconds) AS idle_chip_seconds,
        sum(s.throttle_chip_seconds) AS throttle_chip_seconds,
        [sum(s.power_capped_chip_seconds), sum(s.thermal_chip_seconds), sum(s.hardware_throttled_chip_seconds)] AS throttled_s,
        max(s.max_power_w) AS max_w,
        sumMap(s.power_histogram) AS histogram,
        mapKeys(histogram) AS bins,
        arrayCumSum(mapValues(histogram)) AS cumulated,
        arrayMap(q -> arrayFirstIndex(c -> c >= q * cumulated[-1], cumulated), [0.5, 0.95, 0.99]) AS at,
        arrayMap(i -> reinterpretAsFloat32(bitShiftLeft(toUInt32(bins[i]), 17)), at) AS low_w,
        arrayMap(i -> reinterpretAsFloat32(bitShiftLeft(toUInt32(bins[i]) + 1, 17)), at) AS high_w,
        arrayMap(i -> cumulated[i - 1], at) AS below,
        arrayMap(
            (q, i, low, high, before) -> if(
                i = 0, NULL, least(max_w, low + (high - low) * (q * cumulated[-1] - before) / (cumulated[i] - before))),
            [0.5, 0.95, 0.99], at, low_w, high_w, below) AS quantiles_w
    FROM power_sums AS s
    WHERE model NOT IN ('host-meter', 'rack-meter')
    GROUP BY resolution_s, time, site, fleet, platform
) AS sums
ASOF LEFT JOIN (SELECT site, fleet, platform, since, planned, budget_w, chips_expected, limits FROM budget_loads) AS plan
    ON sums.site = plan.site AND sums.fleet = plan.fleet AND sums.platform = plan.platform AND sums.time >= plan.since
ASOF LEFT JOIN inventory_steps AS inventory
    ON sums.site = inventory.site AND sums.fleet = inventory.fleet AND sums.platform = inventory.platform
        AND sums.time >= inventory.since;
