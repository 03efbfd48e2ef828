"""Throttling spreads through a fleet.

The share of chips, of those that say whether they are throttled, by cause: a power cap, heat, or the hardware with its
power brake. One bad chip is a matter for its host; the limit is a share of the fleet.
"""

from typing import Final

from dashboards.rule import FLEET, SLOW, Rule

RULE: Final = Rule(
    name="chips_throttled",
    title="Throttling spreads",
    severity="warning",
    group=SLOW,
    summary="{site} / {fleet} ({platform}): {shown} of the chips are throttled, cause: {cause}.",
    sql="""
    SELECT
        site, fleet, platform, told.1 AS cause,
        avg(told.2 / @throttled_share) AS value,
        avg(told.2) AS shown
    FROM @minutes
    ARRAY JOIN
        [('power cap', power_capped_share), ('heat', thermal_share), ('hardware', hardware_throttled_share)] AS told
    WHERE told.2 IS NOT NULL
    GROUP BY site, fleet, platform, cause
    """,
    unit="%",
    back_s=255,
    until_s=75,
    labels=(*FLEET, "cause"),
    for_s=180,
    keep_firing_s=300,
    no_data="OK",
    on_error="KeepLast",
)
