-- What chips did over time, as sums from which shares and ratios are made: of each fleet and model a row for each step of
-- `step_s` seconds (at least as long as the sums that are read: seconds below 30 s, then minutes, hours from 3,600 s on).
-- All are zero where nothing was reported: divide by nullIf(..., 0), and a line ends there.
--
-- `powered_...` are of chips whose power is known. `utilization_known_j` and `tensor_known_j` are the energy of chips that
-- also say how busy they are: where only some of a group say it, their share of its energy.
CREATE OR REPLACE VIEW chip_sums_between AS
WITH
    multiIf({step_s:UInt32} >= 3600, 3600, {step_s:UInt32} >= 30, 60, 1) AS length_s,
    greatest({step_s:UInt32}, length_s) AS every_s,
    (
        SELECT (
            arraySort(groupUniqArray(intDiv(toUnixTimestamp(time), every_s))),
            groupUniqArray((site, fleet, platform, model)))
        FROM power_sums
        WHERE resolution_s = length_s AND time >= {since:DateTime('UTC')} AND time <= {until:DateTime('UTC')}
            AND model NOT IN ('host-meter', 'rack-meter')
    ) AS found
SELECT
    sums.*, concat(site, ' / ', fleet, ' / ', platform) AS fleet_path, if(colors.color = '', '11', colors.color) AS color
FROM
(
    SELECT
        toDateTime(step * every_s, 'UTC') AS time, site, fleet, platform, model, sum(one.energy_j) AS energy_j,
        sum(one.chip_seconds) AS chip_seconds, sum(one.utilization_seconds) AS utilization_seconds,
        sum(one.utilization_chip_seconds) AS utilization_chip_seconds, sum(one.tensor_seconds) AS tensor_seconds,
        sum(one.tensor_chip_seconds) AS tensor_chip_seconds, sum(one.idle_j) AS idle_j,
        sum(one.idle_chip_seconds) AS idle_chip_seconds, sum(one.throttle_chip_seconds) AS throttle_chip_seconds,
        sum(one.power_capped_chip_seconds) AS power_capped_chip_seconds,
        sum(one.thermal_chip_seconds) AS thermal_chip_seconds,
        sum(one.hardware_throttled_chip_seconds) AS hardware_throttled_chip_seconds, sum(one.samples) AS samples,
        sum(one.late_samples) AS late_samples, sumIf(one.chip_seconds, powered) AS powered_chip_seconds,
        sumIf(one.utilization_seconds, powered) AS powered_utilization_seconds,
        sumIf(one.tensor_seconds, powered) AS powered_tensor_seconds,
        sumIf(one.energy_j * one.utilization_chip_seconds / one.chip_seconds, powered) AS utilization_known_j,
        sumIf(one.energy_j * one.tensor_chip_seconds / one.chip_seconds, powered) AS tensor_known_j
    FROM
    (
        SELECT
            intDiv(toUnixTimestamp(time), every_s) AS step, site, fleet, platform, model,
            power_method != '' AND chip_seconds > 0 AS powered,
            energy_j, chip_seconds, utilization_seconds, utilization_chip_seconds, tensor_seconds,
            tensor_chip_seconds, idle_j, idle_chip_seconds, throttle_chip_seconds, power_capped_chip_seconds,
            thermal_chip_seconds, hardware_throttled_chip_seconds, samples, late_samples
        FROM power_sums
        WHERE resolution_s = length_s AND time >= {since:DateTime('UTC')} AND time <= {until:DateTime('UTC')}
            AND model NOT IN ('host-meter', 'rack-meter')
        UNION ALL
        SELECT
            step, of.1, of.2, of.3, of.4, false, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
        FROM (SELECT arrayJoin(found.2) AS of) AS groups
        CROSS JOIN
        (
            SELECT arrayJoin(arrayConcat(
                arrayMap(one -> toInt64(one), found.1),
                arrayFilter(one -> one > 0, arrayMap(
                    (one, passed) -> if(passed > 1, one - passed + 1, 0), found.1, arrayDifference(found.1))))) AS step
        ) AS moments
    ) AS one
    GROUP BY step, site, fleet, platform, model
) AS sums
LEFT JOIN gigawatt.fleet_colors_at(at = {until:DateTime('UTC')}) AS colors USING (site, fleet, platform);
