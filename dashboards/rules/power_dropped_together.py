"""Two or more fleets of a site lost much of their power within the same minute.

One fleet that drops is a job that ended or failed. Several at once are the site: its grid, its cooling, its network.
Each fleet is judged as by power_dropped.
"""

from typing import Final

from dashboards.rule import FAST, Rule

RULE: Final = Rule(
    name="power_dropped_together",
    title="Power of several fleets dropped together",
    severity="critical",
    group=FAST,
    summary="{site}: fleets that dropped at once lost {shown}.",
    sql="""
    SELECT site, toFloat64(countIf(dropped)) AS value, sumIf(lost_w, dropped) AS shown
    FROM
    (
        SELECT
            site, fleet, platform,
            max(1 - after_w / before_w > @drop_share) AS dropped,
            max(before_w - after_w) AS lost_w
        FROM @changes
        WHERE before_w > 0 AND before_w >= 0.1 * budget_w
        GROUP BY site, fleet, platform
    )
    GROUP BY site
    """,
    unit="W",
    back_s=60,
    labels=("site",),
    clears_below=1.0,
    for_s=0,
    keep_firing_s=300,
    no_data="OK",
    on_error="Error",
)
