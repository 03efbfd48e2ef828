"""Chips of a fleet are reported twice: their watts count twice.

More chip-seconds than there are chips, by the inventory of the last five minutes. More chips than the operator planned
are not reported twice. The limit is that of silent chips: the share of chips of which something wrong is told.
"""

from typing import Final

from dashboards.rule import SLOW, Rule

RULE: Final = Rule(
    name="chips_doubled",
    title="Chips reported twice",
    severity="warning",
    group=SLOW,
    summary="{site} / {fleet} ({platform}): {shown} chips are reported twice.",
    sql="""
    SELECT
        site, fleet, platform,
        (chips / alive - 1) / @silent_share AS value,
        greatest(chips - alive, 0) AS shown
    FROM @reporting AS reporting
    INNER JOIN @inventory AS inventory USING (site, fleet, platform)
    WHERE alive > 0
    """,
    unit="count",
    back_s=300,
    for_s=120,
    no_data="OK",
    on_error="KeepLast",
)
