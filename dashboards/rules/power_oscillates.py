"""A fleet's power swings in a steady rhythm, by much of its budget."""

from typing import Final

from dashboards.rule import STEADY, Panel, Rule

RULE: Final = Rule(
    name="power_oscillates",
    title="Power oscillates",
    severity="warning",
    group=STEADY,
    summary="{site} / {fleet} ({platform}) oscillates by {shown} from peak to trough.",
    shown="size_w",
    unit="W",
    panel=Panel("gigawatt-dynamics", 8),
    runbook_panel=7,
    clears_below=0.8,
    for_s=60,
    keep_firing_s=300,
    no_data="OK",
    on_error="Error",
)
