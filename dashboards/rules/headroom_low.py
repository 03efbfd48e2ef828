"""A fleet draws nearly its budget. Once it draws more, that is another alert: budget_exceeded."""

from typing import Final

from dashboards.rule import STEADY, Panel, Rule

RULE: Final = Rule(
    name="headroom_low",
    title="Power headroom low",
    severity="warning",
    group=STEADY,
    summary="{site} / {fleet} ({platform}) has {shown} of its budget left.",
    shown="free_share",
    unit="%",
    panel=Panel("gigawatt-fleet-power", 6),
    runbook_panel=3,
    clears_below=0.99,
    for_s=300,
    keep_firing_s=120,
    no_data="KeepLast",
    on_error="KeepLast",
)
