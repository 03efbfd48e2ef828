"""A fleet draws more than its budget.

The mean of its last thirty complete seconds, corrected for missing chips, against the budget: a swing of a few seconds
is no excess, and neither are seconds of which some chips are not told yet. Once a fleet's coverage is lost, its last
complete seconds count for three minutes more, by when coverage_lost has fired; and where all fleets are silent, or
ClickHouse is, what was known is kept.
"""

from typing import Final

from dashboards.rule import STEADY, Rule

RULE: Final = Rule(
    name="budget_exceeded",
    title="Power budget exceeded",
    severity="critical",
    group=STEADY,
    summary="{site} / {fleet} ({platform}) draws {shown}, {value} of its budget.",
    sql="""
    SELECT site, fleet, platform, power_w / budget_w AS value, power_w AS shown
    FROM @level
    WHERE budget_w > 0
    """,
    unit="W",
    back_s=180,
    clears_below=0.98,
    for_s=60,
    keep_firing_s=60,
    no_data="KeepLast",
    on_error="KeepLast",
)
