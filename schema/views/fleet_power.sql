-- Power of each fleet in each second: `fleet_power_windows` of a second.
CREATE OR REPLACE VIEW fleet_power AS
SELECT
    time, site, fleet, platform, power_w, chips_reporting, chips_expected, coverage, power_estimated_w, power_error_w,
    utilization, tensor_utilization, p50_chip_w, p95_chip_w, p99_chip_w, max_chip_w, modelled_share,
    power_chips_reporting, power_chips_expected, budget_w
FROM fleet_power_windows
WHERE resolution_s = 1;
