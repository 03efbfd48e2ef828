-- The level of each fleet at an instant: the mean of its last thirty complete seconds, of the three minutes before. Budget (0
-- where there is none) and limits are those of the last of them.
CREATE OR REPLACE VIEW power_levels_at AS
SELECT
    site, fleet, platform, argMax(seconds.limits, time) AS limits, argMax(seconds.budget_w, time) AS budget_w,
    avg(seconds.power_w) AS power_w
FROM
(
    SELECT
        time, site, fleet, platform, power_w, limits, ifNull(complete.budget_w, 0) AS budget_w,
        max(time) OVER (PARTITION BY site, fleet, platform) AS newest
    FROM gigawatt.complete_windows_between(
        since = {at:DateTime('UTC')} - 180, until = {at:DateTime('UTC')}, length_s = 1) AS complete
) AS seconds
WHERE time > newest - 30
GROUP BY site, fleet, platform;
