"""A fleet's power rises faster than its limit. Falls are the business of power_dropped."""

from typing import Final

from dashboards.rule import FAST, Panel, Rule

RULE: Final = Rule(
    name="ramp_steep",
    title="Power ramp too steep",
    severity="warning",
    group=FAST,
    summary="{site} / {fleet} ({platform}) rose by {shown}, {value} of its limit.",
    shown="rise_w_per_s",
    unit="W/s",
    panel=Panel("gigawatt-dynamics", 4),
    runbook_panel=6,
    for_s=0,
    keep_firing_s=300,
    no_data="OK",
    on_error="Error",
)
