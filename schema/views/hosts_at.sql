-- Hosts in the newest complete second: the mean power of their chips, and that as a share of the mean of all hosts of their
-- fleet and model; how busy their chips are, and the hottest of them.
CREATE OR REPLACE VIEW hosts_at AS
SELECT
    site, fleet, platform, model, host, concat(site, ' / ', fleet, ' / ', platform) AS fleet_path,
    host_w, host_w / nullIf(fleet_w, 0) AS of_fleet, busy, hottest_c
FROM
(
    SELECT
        site, fleet, platform, model, host,
        avg(power_w) AS host_w, avg(host_w) OVER (PARTITION BY site, fleet, platform, model) AS fleet_w,
        avg(utilization) AS busy, max(temperature_c) AS hottest_c
    FROM gigawatt.newest_samples_at(at = {at:DateTime('UTC')})
    GROUP BY site, fleet, platform, model, host
);
