"""A fleet's power rises faster than its limit.

Means of five seconds, ten seconds apart, so that the swing of a job's steps is no ramp; falls are the business of
power_dropped. Only where the coverage stays the same, and only where samples are at most five seconds long: a Trainium
device tells means of a minute, of which no ramp can be seen.
"""

from typing import Final

from dashboards.rule import FAST, Rule

RULE: Final = Rule(
    name="ramp_steep",
    title="Power ramp too steep",
    severity="warning",
    group=FAST,
    summary="{site} / {fleet} ({platform}) rose by {shown}, {value} of its limit.",
    sql="""
    SELECT
        site, fleet, platform,
        greatest(max((after_w - before_w) / 10 / budget_w / @ramp_share), 0) AS value,
        greatest(max(after_w - before_w) / 10, 0) AS shown
    FROM @changes
    WHERE budget_w > 0
    GROUP BY site, fleet, platform
    """,
    unit="W/s",
    back_s=60,
    for_s=0,
    keep_firing_s=300,
    no_data="OK",
    on_error="Error",
)
