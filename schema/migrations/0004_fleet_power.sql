-- Budgets come from the operator's fleet file; the last one loaded is the truth.

CREATE TABLE budget_loads
(
    loaded_at DateTime64(3, 'UTC'),
    site LowCardinality(String),
    fleet LowCardinality(String),
    platform LowCardinality(String),
    budget_w Float64,
    chips_expected UInt64
)
ENGINE = MergeTree
ORDER BY loaded_at;

CREATE VIEW budgets AS
SELECT site, fleet, platform, budget_w, chips_expected
FROM budget_loads
WHERE loaded_at = (SELECT max(loaded_at) FROM budget_loads);

-- Expected chips: from the fleet file, else what the inventory saw within the last day.
CREATE VIEW expected_chips AS
SELECT site, fleet, platform, if(max(planned), sumIf(chips, planned), sumIf(chips, NOT planned)) AS chips_expected
FROM
(
    SELECT site, fleet, platform, true AS planned, toUInt64(chips_expected) AS chips FROM budgets
    UNION ALL
    SELECT site, fleet, platform, false AS planned, uniqExact(chip) AS chips
    FROM chip_series
    WHERE last_seen >= now() - INTERVAL 1 DAY
        AND (site, fleet, platform) NOT IN (SELECT site, fleet, platform FROM budgets)
    GROUP BY site, fleet, platform
)
GROUP BY site, fleet, platform;

-- One row per second, site, fleet and platform. The window is one second, so joules are mean watts and
-- chip-seconds are chips.
--
-- power_error_w, one standard deviation: readings err independently (roots of summed squares); what is modelled or
-- a percentage errs alike on every chip, for it shares its constants (plain sums); each missing chip may lie as far
-- from the mean as reporting chips do, all of them together. Where only some samples state an error, theirs
-- stands for the rest; where none does, it is null.
CREATE VIEW fleet_power AS
SELECT
    time, site, fleet, platform,
    sums.energy_j AS power_w,
    sums.known AS chips_reporting,
    toFloat64(ifNull(expected.chips_expected, 0)) AS chips_expected,
    if(chips_expected > 0, chips_reporting / chips_expected, NULL) AS coverage,
    if(chips_reporting > 0, power_w / least(ifNull(coverage, 1), 1), NULL) AS power_estimated_w,
    if(error_known > 0,
        sqrt(
            independent_w2 * known / error_known
            + pow(alike_w * known / error_known, 2)
            + pow(greatest(chips_expected - known, 0), 2) * greatest(power_w2 / known - pow(power_w / known, 2), 0)),
        NULL) AS power_error_w,
    if(utilization_chip_seconds > 0, utilization_seconds / utilization_chip_seconds, NULL) AS utilization,
    if(tensor_chip_seconds > 0, tensor_seconds / tensor_chip_seconds, NULL) AS tensor_utilization,
    quantiles_w[1] AS p50_chip_w,
    quantiles_w[2] AS p95_chip_w,
    quantiles_w[3] AS p99_chip_w,
    if(known > 0, sums.max_w, NULL) AS max_chip_w,
    if(power_w > 0, modelled_j / power_w, NULL) AS modelled_share
FROM
(
    SELECT
        time, site, fleet, platform,
        sum(s.energy_j) AS energy_j,
        sumIf(s.chip_seconds, power_method != '') AS known,
        sumIf(s.energy_j, power_method IN ('model', 'percent')) AS modelled_j,
        sumIf(s.error_w2_seconds, power_method NOT IN ('model', 'percent')) AS independent_w2,
        sumIf(s.error_w_seconds, power_method IN ('model', 'percent')) AS alike_w,
        sum(s.error_chip_seconds) AS error_known,
        sum(s.power_w2_seconds) AS power_w2,
        sum(s.utilization_seconds) AS utilization_seconds,
        sum(s.utilization_chip_seconds) AS utilization_chip_seconds,
        sum(s.tensor_seconds) AS tensor_seconds,
        sum(s.tensor_chip_seconds) AS tensor_chip_seconds,
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
    FROM power_by_second AS s
    GROUP BY time, site, fleet, platform
) AS sums
LEFT JOIN expected_chips AS expected USING (site, fleet, platform);
