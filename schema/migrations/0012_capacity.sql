-- What was expected and budgeted then, and which chips are expected to state their power.

-- A second die or a virtual GPU reports and has no power of its own: nothing is missing where it states none. The worker
-- knows the models of which every chip states it; of others, those chips are expected to that ever did.
ALTER TABLE chip_series ADD COLUMN IF NOT EXISTS power_expected SimpleAggregateFunction(max, UInt8) DEFAULT 1 COMMENT '1 where the chip is expected to state its power' CODEC(ZSTD(1)) AFTER host_key;

-- A load of the fleet file holds until the next one, and `since` is when its rows begin to count. The first of a fleet also
-- holds for the time before, unless the fleet was reported by then: such samples were read again later. A fleet that a
-- later file does not name any more has a row there that is not planned.
ALTER TABLE budget_loads ADD COLUMN IF NOT EXISTS since DateTime('UTC') DEFAULT toDateTime(loaded_at) AFTER limits;
ALTER TABLE budget_loads ADD COLUMN IF NOT EXISTS planned Bool DEFAULT true AFTER since;
ALTER TABLE budget_loads UPDATE since = toDateTime(0, 'UTC')
WHERE (site, fleet, platform, loaded_at) IN (SELECT site, fleet, platform, min(loaded_at) FROM budget_loads GROUP BY site, fleet, platform)
SETTINGS mutations_sync = 1;
INSERT INTO budget_loads (loaded_at, site, fleet, platform, planned)
SELECT DISTINCT (SELECT max(loaded_at) FROM budget_loads), site, fleet, platform, false
FROM budget_loads
WHERE (site, fleet, platform) NOT IN
    (SELECT site, fleet, platform FROM budget_loads WHERE loaded_at = (SELECT max(loaded_at) FROM budget_loads));

CREATE OR REPLACE VIEW budgets AS
SELECT site, fleet, platform, budget_w, chips_expected, limits
FROM budget_loads
WHERE planned AND loaded_at = (SELECT max(loaded_at) FROM budget_loads);

-- The budgets of an instant.
CREATE VIEW budgets_at AS
SELECT
    site, fleet, platform, argMax(loads.budget_w, since) AS budget_w, argMax(loads.chips_expected, since) AS chips_expected,
    argMax(loads.limits, since) AS limits
FROM budget_loads AS loads
WHERE since <= {at:DateTime('UTC')}
GROUP BY site, fleet, platform
HAVING argMax(planned, since);

CREATE OR REPLACE VIEW capacity_changes AS
SELECT
    time, site, fleet, platform,
    multiIf(
        was_planned = 0, concat('budget ', budget, ', ', toString(chips_expected), ' chips'),
        planned = 0, 'no budget any more',
        concat(
            if(budget_w != was_w, concat('budget ', was, ' to ', budget, ' '), ''),
            if(chips_expected != were, concat(toString(were), ' to ', toString(chips_expected), ' chips'), ''))) AS text
FROM
(
    SELECT
        toDateTime(loaded_at) AS time, site, fleet, platform, budget_w, chips_expected, planned,
        lagInFrame(budget_w) OVER earlier AS was_w,
        lagInFrame(chips_expected) OVER earlier AS were,
        lagInFrame(planned) OVER earlier AS was_planned,
        concat(toString(round(budget_w / 1e6, 3)), ' MW') AS budget,
        concat(toString(round(was_w / 1e6, 3)), ' MW') AS was
    FROM budget_loads
    WINDOW earlier AS (PARTITION BY site, fleet, platform ORDER BY loaded_at ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
WHERE planned != was_planned OR budget_w != was_w OR chips_expected != were;

-- Fleets of which no inventory has to say how many chips are expected.
CREATE VIEW always_planned AS
SELECT site, fleet, platform
FROM budget_loads
GROUP BY site, fleet, platform
HAVING min(since) = 0 AND min(planned);

-- How many chips the inventory knows, as steps: each row holds from `since` on. Of fleets that were not always planned they
-- are all chips, of others those alone that state no power. A chip is expected from its first sample until a day after
-- its last.
CREATE VIEW inventory_steps AS
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
                (toStartOfMinute(toDateTime(max(s.last_seen))) + INTERVAL 86460 SECOND, toInt64(-1))
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
                (toStartOfMinute(toDateTime(max(s.last_seen))) + INTERVAL 86460 SECOND, toInt64(-1))
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

-- What is expected and budgeted of each fleet at an instant: `chips_expected` chips are to report, and
-- `power_chips_expected` of them are to state their power.
CREATE VIEW capacity_at AS
SELECT
    site, fleet, platform,
    if(max(plan.1), toNullable(max(plan.2)), NULL) AS budget_w,
    if(max(plan.1), max(plan.3), max(seen)) AS chips_expected,
    greatest(chips_expected - max(powerless), 0) AS power_chips_expected,
    argMax(plan.4, plan.1) AS limits
FROM
(
    SELECT
        site, fleet, platform, argMax((planned, budget_w, toInt64(chips_expected), limits), since) AS plan,
        toInt64(0) AS seen, toInt64(0) AS powerless
    FROM budget_loads
    WHERE since <= {at:DateTime('UTC')}
    GROUP BY site, fleet, platform
    UNION ALL
    SELECT
        site, fleet, platform, (false, 0., toInt64(0), CAST(map(), 'Map(String, Float64)')),
        argMax(chips_seen, since), argMax(powerless_chips, since)
    FROM inventory_steps
    WHERE since <= {at:DateTime('UTC')}
    GROUP BY site, fleet, platform
)
GROUP BY site, fleet, platform;

-- As it was in 0008.
CREATE OR REPLACE VIEW expected_chips AS
SELECT site, fleet, platform, toUInt64(capacity.chips_expected) AS chips_expected
FROM gigawatt.capacity_at(at = now()) AS capacity
WHERE capacity.chips_expected > 0;

-- As in 0005, without chips that state no power, which no meter is held against; chips of one name in two fleets are two.
CREATE OR REPLACE VIEW metered_series AS
SELECT
    series, site, if(model = 'rack-meter', 'rack', 'host') AS kind, host AS meter, true AS is_meter, host,
    replaceRegexpOne(chip, '^(meter/[^/]+)/[0-9]+$', '\\1') AS chassis, chip,
    min(s.first_seen) AS first_seen, max(s.last_seen) AS last_seen
FROM chip_series AS s
WHERE model IN ('host-meter', 'rack-meter')
GROUP BY series, site, kind, meter, host, chassis, chip
UNION ALL
SELECT series, site, kind, meter, false AS is_meter, host, '' AS chassis, chip, first_seen, last_seen
FROM
(
    SELECT
        series, site, host, concat(fleet, '\0', platform, '\0', s.chip) AS chip,
        min(s.first_seen) AS first_seen, max(s.last_seen) AS last_seen
    FROM chip_series AS s
    WHERE model NOT IN ('host-meter', 'rack-meter') AND (site, host) IN (SELECT site, host FROM metered_hosts)
    GROUP BY series, site, host, chip
    HAVING max(s.power_expected) = 1
) AS measured
INNER JOIN metered_hosts USING (site, host);

-- As in 0006, with what was expected and budgeted as the window began. Coverage and what follows from it are of
-- chips that are expected to state their power.
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
    if(known_s > 0, sums.max_w, NULL) AS max_chip_w,
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

CREATE OR REPLACE VIEW fleet_power AS
SELECT
    time, site, fleet, platform, power_w, chips_reporting, chips_expected, coverage, power_estimated_w, power_error_w,
    utilization, tensor_utilization, p50_chip_w, p95_chip_w, p99_chip_w, max_chip_w, modelled_share,
    power_chips_reporting, power_chips_expected, budget_w
FROM fleet_power_windows
WHERE resolution_s = 1;
