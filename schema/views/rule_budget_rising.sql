-- How near a fleet comes to its budget within so many seconds (limit rising_s), if its power goes on to rise as it does.
--
-- The slope is the lesser of those over four minutes and over the last eighty seconds: after a step the long one still rises
-- and the short one does not, within a swing it is the other way round, and only a rise that lasts has both. A rise that is
-- smaller than the headroom is left to headroom_low, and once the budget is exceeded that is another alert. A fleet that does
-- not report any more has no slope: what it was does not go on.
CREATE OR REPLACE VIEW rule_budget_rising AS
SELECT
    site, fleet, platform,
    if(
        level_w < budget_w AND rise_w > budget_w * limits['headroom_share'], rise_w / (budget_w - level_w), 0
    ) AS value,
    if(value > 0, (budget_w - level_w) / slope_w, 86400) AS within_s,
    slope_w AS slope_w_per_s, level_w AS power_w, budget_w
FROM
(
    SELECT *, slope_w * limits['rising_s'] AS rise_w
    FROM
    (
        SELECT
            site, fleet, platform, argMax(limits, age_s) AS limits,
            argMax(ifNull(budget_w, 0), age_s) AS budget_w,
            avgIf(power_w, age_s > -30) AS level_w,
            least(
                simpleLinearRegression(age_s, power_w).1, simpleLinearRegressionIf(age_s, power_w, age_s > -80).1
            ) AS slope_w
        FROM
        (
            SELECT *, toFloat64(time - max(time) OVER (PARTITION BY site, fleet, platform)) AS age_s
            FROM gigawatt.complete_windows_between(
                since = {at:DateTime('UTC')} - 330, until = {at:DateTime('UTC')}, length_s = 1)
        )
        WHERE age_s > -240
        GROUP BY site, fleet, platform
        HAVING count() >= 180 AND countIf(age_s > -80) >= 60
            AND max(time) > {at:DateTime('UTC')} - (2 * (any(interval_s) + 15) + 30)
    )
)
WHERE budget_w > 0;
