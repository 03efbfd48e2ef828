-- The most of its power that a fleet lost within ten seconds of the last minute (limit drop_share). A fleet that drew less than
-- a tenth of its budget is not looked at.
CREATE OR REPLACE VIEW rule_power_dropped AS
SELECT
    site, fleet, platform,
    greatest(max((1 - after_w / before_w) / greatest(limits['drop_share'], 1e-6)), 0) AS value,
    greatest(max(before_w - after_w), 0) AS lost_w
FROM gigawatt.power_changes_between(since = {at:DateTime('UTC')} - 60, until = {at:DateTime('UTC')})
WHERE before_w > 0 AND before_w >= 0.1 * ifNull(budget_w, 0)
GROUP BY site, fleet, platform;
