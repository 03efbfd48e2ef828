-- The share of each fleet's power that idle chips draw, those of a utilization below 5 %, over five whole minutes (limit
-- idle_share): late enough for the slowest chip.
CREATE OR REPLACE VIEW rule_idle_burn AS
SELECT
    site, fleet, platform,
    sum(minutes.idle_w) / sum(reported_w) / greatest(argMax(limits['idle_share'], time), 1e-6) AS value,
    avg(minutes.idle_w) AS idle_w
FROM gigawatt.complete_windows_between(
    since = {at:DateTime('UTC')} - 420, until = {at:DateTime('UTC')} - 135, length_s = 60) AS minutes
WHERE reported_w > 0
GROUP BY site, fleet, platform;
