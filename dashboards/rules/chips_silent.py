"""Some of a fleet's chips fell silent.

Chips that were seen within a day and not for five minutes, by the inventory, of those that were. Where so many are
silent that the fleet's coverage is lost, that is the alert.
"""

from typing import Final

from dashboards.rule import SLOW, Rule

RULE: Final = Rule(
    name="chips_silent",
    title="Chips silent",
    severity="warning",
    group=SLOW,
    summary="{site} / {fleet} ({platform}): {shown} chips fell silent.",
    sql="""
    SELECT
        site, fleet, platform,
        if(alive < known * @coverage_share, 0, (1 - alive / known) / @silent_share) AS value,
        known - alive AS shown
    FROM @inventory AS inventory
    LEFT JOIN budgets_at(at = $__toTime) AS budgets USING (site, fleet, platform)
    """,
    unit="count",
    back_s=300,
    for_s=120,
    no_data="OK",
    on_error="KeepLast",
)
