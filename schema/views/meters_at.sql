-- Each meter beside its chips, in the minute that began two and a half to three and a half minutes before the instant: late
-- enough for the slowest chip. `of_limit` is how far the ratio is beyond what is allowed, by the widest limits of the site.
CREATE OR REPLACE VIEW meters_at AS
SELECT
    toNullable(minutes.time) AS minute, minutes.site AS site, kind, meter, toNullable(minutes.hosts) AS hosts,
    toNullable(minutes.chips_expected) AS chips_expected, chips_estimated_w AS chips_w, metered_w,
    ratio,
    if(isNull(ratio), NULL, greatest(
        greatest(if(high > 0, low, (SELECT default_value FROM limits WHERE name = 'meter_low')), 1e-6) / greatest(ratio, 1e-6),
        ratio / greatest(if(high > 0, high, (SELECT default_value FROM limits WHERE name = 'meter_high')), 1e-6))) AS of_limit,
    coverage, meter_coverage
FROM gigawatt.power_reconciled_between(since = {at:DateTime('UTC')} - 210, until = {at:DateTime('UTC')} - 150) AS minutes
LEFT JOIN
(
    SELECT site, min(budgets.limits['meter_low']) AS low, max(budgets.limits['meter_high']) AS high
    FROM gigawatt.budgets_at(at = {at:DateTime('UTC')}) AS budgets
    GROUP BY site
) AS limited USING (site);
