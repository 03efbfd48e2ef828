"""A fleet will exceed its budget soon, if its power goes on to rise as it does."""

from typing import Final

from dashboards.rule import STEADY, Panel, Rule

RULE: Final = Rule(
    name="budget_rising",
    title="Power budget about to be exceeded",
    severity="warning",
    group=STEADY,
    summary="{site} / {fleet} ({platform}) will reach its budget in {shown} at the current slope.",
    shown="within_s",
    unit="s",
    panel=Panel("gigawatt-fleet-power", 6),
    runbook_panel=2,
    clears_below=0.8,
    for_s=180,
    keep_firing_s=120,
    no_data="OK",
    on_error="KeepLast",
)
