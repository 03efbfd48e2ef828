"""Idle chips draw much of a fleet's power.

Samples of a utilization below 5 %, over five whole minutes, of all that the fleet draws. A pool that is idle on purpose
gets a limit of 1 in the fleet file.
"""

from typing import Final

from dashboards.rule import SLOW, Rule

RULE: Final = Rule(
    name="idle_burn",
    title="Idle chips burn power",
    severity="info",
    group=SLOW,
    summary="{site} / {fleet} ({platform}): idle chips draw {shown}, {value} of the limit.",
    sql="""
    SELECT
        site, fleet, platform,
        sum(idle_w) / sum(power_w) / any(@idle_share) AS value,
        avg(idle_w) AS shown
    FROM @minutes
    GROUP BY site, fleet, platform
    """,
    unit="W",
    back_s=420,
    until_s=75,
    for_s=600,
    keep_firing_s=300,
    no_data="OK",
    on_error="KeepLast",
)
