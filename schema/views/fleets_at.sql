-- Of each fleet that is expected or was reported within three minutes the newest complete second before `at`. Complete is a
-- second of which as many chips reported as of any other, or nearly; or one that nothing more is to come of: older than
-- the longest mean interval of the fleet's samples and the time that storing takes, by the newest sample of all that is
-- stored. `time` is NULL where there is none. `heard` is whether the fleet still reports; the power of one that does not is
-- the last that was known. Power and errors are as in `fleet_power_windows`, with what is expected at the instant.
-- `drawn_w` is the best that is known of the power: corrected for chips that do not report, where that can be told.
CREATE OR REPLACE VIEW fleets_at AS
SELECT
    site, fleet, platform, budget_w, limits, chips_expected, power_chips_expected, cadence_s,
    if(newest.1 > 0, toNullable(toDateTime(newest.1, 'UTC')), NULL) AS time,
    if(newest.1 > 0, toNullable(instant_s - newest.1 - 1), NULL) AS age_s,
    newest.1 > 0 AND instant_s - newest.1 - 1 <= 2 * cadence_s + 30 AND instant_s - horizon_s <= 2 * fastest_s + 30 AS heard,
    newest.2 AS chips_reporting,
    newest.3 AS power_chips_reporting,
    if(newest.1 > 0, toNullable(newest.4), NULL) AS power_w,
    if(newest.1 > 0 AND power_chips_expected > 0, toNullable(newest.3 / power_chips_expected), NULL) AS coverage,
    if(newest.3 > 0, toNullable(newest.4 / if(power_chips_expected > newest.3, newest.3 / power_chips_expected, 1)), NULL)
        AS power_estimated_w,
    if(newest.5 > 0, toNullable(
        sqrt(
            newest.6 * newest.3 / newest.5
            + pow(newest.7 * newest.3 / newest.5, 2)
            + pow(greatest(power_chips_expected - newest.3, 0), 2)
                * greatest(newest.8 / newest.3 - pow(newest.4 / newest.3, 2), 0))),
        NULL) AS power_error_w,
    if(newest.4 > 0, toNullable(newest.9 / newest.4), NULL) AS modelled_share,
    if(newest.11 > 0, toNullable(newest.10 / newest.11), NULL) AS utilization,
    if(newest.13 > 0, toNullable(newest.12 / newest.13), NULL) AS tensor_utilization,
    if(newest.1 > 0, toNullable(newest.14), NULL) AS idle_w,
    if(newest.1 > 0, toNullable(newest.15), NULL) AS idle_chips,
    ifNull(power_estimated_w, power_w) AS drawn_w,
    budget_w - drawn_w AS headroom_w,
    headroom_w / budget_w AS headroom
FROM
(
    SELECT
        site, fleet, platform,
        toInt64({at:DateTime('UTC')}) AS instant_s,
        max(horizon_of_s) OVER () AS horizon_s,
        min(if(cadence_s > 0, cadence_s, 3600)) OVER () AS fastest_s,
        max(capacity_of.1) AS budget_w,
        argMax(limits_of, length(limits_of)) AS limits,
        max(capacity_of.2) AS chips_expected,
        max(capacity_of.3) AS power_chips_expected,
        max(cadence_of_s) AS cadence_s,
        max(of_horizon_s) AS horizon_of_s,
        max(newest_of) AS newest
    FROM
    (
        SELECT
            site, fleet, platform,
            (CAST(NULL, 'Nullable(Float64)'), toInt64(0), toInt64(0)) AS capacity_of,
            CAST(map(), 'Map(String, Float64)') AS limits_of,
            least(toInt64({at:DateTime('UTC')}), ifNull(
                (
                    SELECT toInt64(toDateTime(max(newest_ts)))
                    FROM ingest_blocks
                    WHERE stored_at > {at:DateTime('UTC')} - INTERVAL 1 HOUR
                ), 4294967295)) AS of_horizon_s,
            arrayMax(arrayMap(
                (ended, chip_s) -> if(ended > 0, chip_s / ended, 0),
                mapValues(sumMap(ended_by)), mapValues(sumMap(chip_seconds_by)))) AS cadence_of_s,
            arrayMax(one -> one.2, groupArray(one_second) AS seconds) AS most,
            arrayLast(
                one -> one.2 >= 0.98 * most OR one.1 + 1 <= of_horizon_s - cadence_of_s - 5, arraySort(seconds)) AS newest_of
        FROM
        (
            SELECT
                site, fleet, platform,
                sumMap(map(power_method, sums.samples)) AS ended_by,
                sumMap(map(power_method, sums.chip_seconds)) AS chip_seconds_by,
                (
                    toInt64(time), sum(sums.chip_seconds), sumIf(sums.chip_seconds, power_method != ''), sum(sums.energy_j),
                    sum(sums.error_chip_seconds),
                    sumIf(sums.error_w2_seconds, power_method NOT IN ('model', 'percent')),
                    sumIf(sums.error_w_seconds, power_method IN ('model', 'percent')),
                    sum(sums.power_w2_seconds), sumIf(sums.energy_j, power_method IN ('model', 'percent')),
                    sum(sums.utilization_seconds), sum(sums.utilization_chip_seconds),
                    sum(sums.tensor_seconds), sum(sums.tensor_chip_seconds), sum(sums.idle_j), sum(sums.idle_chip_seconds)
                ) AS one_second
            FROM power_sums AS sums
            WHERE resolution_s = 1 AND time >= {at:DateTime('UTC')} - 180 AND time < {at:DateTime('UTC')}
                AND model NOT IN ('host-meter', 'rack-meter')
            GROUP BY time, site, fleet, platform
        )
        GROUP BY site, fleet, platform
        UNION ALL
        SELECT
            site, fleet, platform, (capacity.budget_w, capacity.chips_expected, capacity.power_chips_expected),
            capacity.limits, 0, 0, 0, (toInt64(0), 0., 0., 0., 0., 0., 0., 0., 0., 0., 0., 0., 0., 0., 0.)
        FROM gigawatt.capacity_at(at = {at:DateTime('UTC')}) AS capacity
    )
    GROUP BY site, fleet, platform
)
WHERE chips_expected > 0 OR newest.1 > 0 OR budget_w IS NOT NULL;
