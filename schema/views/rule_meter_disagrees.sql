-- What the chips behind each meter draw of what it shows, against the least and the most that they may (limits meter_low and
-- meter_high, the widest of the site's fleets): in one minute, late enough for the slowest chip, for which nearly all chips and
-- the meter reported. A meter also sees what is no chip. Coverage far above 1 is chips_doubled.
CREATE OR REPLACE VIEW rule_meter_disagrees AS
WITH (SELECT CAST((groupArray(name), groupArray(default_value)), 'Map(String, Float64)') FROM gigawatt.limits) AS defaults
SELECT
    site, kind, meter,
    greatest(least_ratio / greatest(ratio, 1e-6), ratio / most_ratio) AS value,
    meters.mean AS ratio,
    if(widest.high > 0, widest.low, defaults['meter_low']) AS least_ratio,
    if(widest.high > 0, widest.high, defaults['meter_high']) AS most_ratio
FROM
(
    SELECT site, kind, meter, avg(assumeNotNull(minutes.ratio)) AS mean
    FROM gigawatt.power_reconciled_between(
        since = {at:DateTime('UTC')} - 210, until = {at:DateTime('UTC')} - 150) AS minutes
    WHERE minutes.ratio IS NOT NULL AND coverage >= 0.9 AND coverage <= 1.1 AND meter_coverage >= 0.9
    GROUP BY site, kind, meter
) AS meters
LEFT JOIN
(
    SELECT site, min(limits['meter_low']) AS low, max(greatest(limits['meter_high'], 1e-6)) AS high
    FROM gigawatt.budgets_at(at = {at:DateTime('UTC')})
    GROUP BY site
) AS widest USING (site);
