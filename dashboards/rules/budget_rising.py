"""A fleet will exceed its budget soon, if it goes on as it does.

The slope is the lesser of those over four minutes and over the last eighty seconds: after a step the long one still
rises and the short one does not, within a swing it is the other way round, and only a rise that lasts has both. A rise
that is smaller than the headroom is left to headroom_low, and once the budget is exceeded that is another alert. A
fleet that is not heard of has no slope: what it was does not go on.
"""

from typing import Final

from dashboards.rule import STEADY, Rule

RULE: Final = Rule(
    name="budget_rising",
    title="Power budget about to be exceeded",
    severity="warning",
    group=STEADY,
    summary="{site} / {fleet} ({platform}) meets its budget in {shown} at the present slope.",
    sql="""
    SELECT
        site, fleet, platform,
        slope_w * @rising_s AS rise_w,
        if(level_w < budget_w AND rise_w > budget_w * @headroom_share, rise_w / (budget_w - level_w), 0) AS value,
        if(value > 0, (budget_w - level_w) / slope_w, 86400) AS shown
    FROM
    (
        SELECT
            site, fleet, platform, any(limits) AS limits, any(budget_w) AS budget_w,
            avgIf(watts, age > -30) AS level_w,
            least(simpleLinearRegression(age, watts).1, simpleLinearRegressionIf(age, watts, age > -80).1) AS slope_w
        FROM
        (
            SELECT *, toFloat64(time - max(time) OVER (PARTITION BY site, fleet, platform)) AS age
            FROM @seconds
        )
        WHERE age > -240
        GROUP BY site, fleet, platform
        HAVING count() >= 180 AND countIf(age > -80) >= 60
            AND max(time) > $__toTime - (2 * (any(interval_s) + @settle_s) + 30)
    )
    WHERE budget_w > 0
    """,
    unit="s",
    back_s=330,
    clears_below=0.8,
    for_s=180,
    keep_firing_s=120,
    no_data="OK",
    on_error="KeepLast",
)
