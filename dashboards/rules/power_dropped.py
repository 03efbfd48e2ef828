"""A fleet lost much of its power within ten seconds, while its chips went on to report.

Means of five seconds, ten seconds apart. Chips that fall silent are no drop: where the coverage moves, nothing is said.
A fleet that drew less than a tenth of its budget is not looked at.
"""

from typing import Final

from dashboards.rule import FAST, Rule

RULE: Final = Rule(
    name="power_dropped",
    title="Power dropped",
    severity="warning",
    group=FAST,
    summary="{site} / {fleet} ({platform}) lost {shown} within ten seconds, {value} of its limit.",
    sql="""
    SELECT
        site, fleet, platform,
        greatest(max((1 - after_w / before_w) / @drop_share), 0) AS value,
        greatest(max(before_w - after_w), 0) AS shown
    FROM @changes
    WHERE before_w > 0 AND before_w >= 0.1 * budget_w
    GROUP BY site, fleet, platform
    """,
    unit="W",
    back_s=60,
    for_s=0,
    keep_firing_s=300,
    no_data="OK",
    on_error="Error",
)
