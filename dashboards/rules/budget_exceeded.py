"""A fleet draws more than its budget.

Once a fleet's coverage is lost, its last complete seconds count for three minutes more, by when coverage_lost has
fired; where all fleets are silent, or ClickHouse is, what was known is kept.
"""

from typing import Final

from dashboards.rule import STEADY, Panel, Rule

RULE: Final = Rule(
    name="budget_exceeded",
    title="Power budget exceeded",
    severity="critical",
    group=STEADY,
    summary="{site} / {fleet} ({platform}) draws {shown}, {value} of its budget.",
    shown="power_w",
    unit="W",
    panel=Panel("gigawatt-fleet-power", 6),
    runbook_panel=1,
    clears_below=0.98,
    for_s=60,
    keep_firing_s=60,
    no_data="KeepLast",
    on_error="KeepLast",
)
