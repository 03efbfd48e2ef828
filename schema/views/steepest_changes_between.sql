-- Of each fleet the steepest rise and the deepest drop of power within ten seconds, and how much that is of its limits of then:
-- a rise against its ramp limit, a share of the budget per second; a drop as a share of its power, from a tenth of the
-- budget on. The times are those at which the five seconds after the change began.
CREATE OR REPLACE VIEW steepest_changes_between AS
SELECT
    site, fleet, platform, concat(site, ' / ', fleet, ' / ', platform) AS fleet_path,
    toNullable(if(max(after_w - before_w) < 10, 0, max(after_w - before_w) / 10)) AS rise_w_per_s,
    if(rise_w_per_s = 0, 0, 1) * max((after_w - before_w) / 10 / nullIf(budget_w * greatest(limits['ramp_share'], 1e-6), 0))
        AS rise_of_limit,
    if(rise_w_per_s > 0, toNullable(argMax(time, after_w - before_w) - 4), NULL) AS rose_at,
    toNullable(greatest(ifNull(maxIf(lost, before_w >= 0.1 * ifNull(budget_w, 0)), 0), 0)) AS drop,
    toNullable(greatest(
        ifNull(maxIf(lost / greatest(limits['drop_share'], 1e-6), before_w >= 0.1 * ifNull(budget_w, 0)), 0), 0)) AS drop_of_limit,
    if(drop > 0, toNullable(argMaxIf(time, lost, before_w >= 0.1 * ifNull(budget_w, 0)) - 4), NULL) AS dropped_at
FROM gigawatt.power_changes_between(since = {since:DateTime('UTC')}, until = {until:DateTime('UTC')}) AS changes
WHERE before_w > 0
GROUP BY site, fleet, platform;
