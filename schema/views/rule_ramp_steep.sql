-- The steepest rise of each fleet's power within ten seconds of the last minute, in a second, as a share of its budget (limit
-- ramp_share). Falls are the business of power_dropped.
CREATE OR REPLACE VIEW rule_ramp_steep AS
SELECT
    site, fleet, platform,
    greatest(max((after_w - before_w) / 10 / assumeNotNull(budget_w) / greatest(limits['ramp_share'], 1e-6)), 0) AS value,
    greatest(max(after_w - before_w) / 10, 0) AS rise_w_per_s
FROM gigawatt.power_changes_between(since = {at:DateTime('UTC')} - 60, until = {at:DateTime('UTC')})
WHERE budget_w > 0
GROUP BY site, fleet, platform;
