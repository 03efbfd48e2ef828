-- How many fleets of a site lost more of their power than their limit within ten seconds of the last minute, each as in
-- rule_power_dropped, and how much they lost together.
CREATE OR REPLACE VIEW rule_power_dropped_together AS
SELECT site, toFloat64(countIf(dropped)) AS value, sumIf(most_w, dropped) AS lost_w
FROM
(
    SELECT
        site, fleet, platform,
        max(1 - after_w / before_w > limits['drop_share']) AS dropped, max(before_w - after_w) AS most_w
    FROM gigawatt.power_changes_between(since = {at:DateTime('UTC')} - 60, until = {at:DateTime('UTC')})
    WHERE before_w > 0 AND before_w >= 0.1 * ifNull(budget_w, 0)
    GROUP BY site, fleet, platform
)
GROUP BY site;
