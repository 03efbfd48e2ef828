-- Additive sums of one resolution (1, 60 or 3,600 seconds), with plain types: what `power_by_second`, `power_by_minute` and
-- `power_by_hour` have in common.
CREATE OR REPLACE VIEW additive_sums AS
SELECT
    time, site, fleet, platform, model, power_method,
    CAST(sums.energy_j, 'Float64') AS energy_j, CAST(sums.chip_seconds, 'Float64') AS chip_seconds,
    CAST(sums.utilization_seconds, 'Float64') AS utilization_seconds,
    CAST(sums.utilization_chip_seconds, 'Float64') AS utilization_chip_seconds,
    CAST(sums.tensor_seconds, 'Float64') AS tensor_seconds, CAST(sums.tensor_chip_seconds, 'Float64') AS tensor_chip_seconds,
    CAST(sums.error_w_seconds, 'Float64') AS error_w_seconds, CAST(sums.error_w2_seconds, 'Float64') AS error_w2_seconds,
    CAST(sums.error_chip_seconds, 'Float64') AS error_chip_seconds, CAST(sums.power_w2_seconds, 'Float64') AS power_w2_seconds,
    CAST(sums.max_power_w, 'Float64') AS max_power_w, CAST(sums.power_histogram, 'Map(UInt16, Float64)') AS power_histogram,
    CAST(sums.samples, 'UInt64') AS samples, CAST(sums.late_samples, 'UInt64') AS late_samples,
    CAST(sums.idle_j, 'Float64') AS idle_j, CAST(sums.idle_chip_seconds, 'Float64') AS idle_chip_seconds,
    CAST(sums.throttle_chip_seconds, 'Float64') AS throttle_chip_seconds,
    CAST(sums.power_capped_chip_seconds, 'Float64') AS power_capped_chip_seconds,
    CAST(sums.thermal_chip_seconds, 'Float64') AS thermal_chip_seconds,
    CAST(sums.hardware_throttled_chip_seconds, 'Float64') AS hardware_throttled_chip_seconds
FROM power_sums AS sums
WHERE resolution_s = {resolution_s:UInt16};
