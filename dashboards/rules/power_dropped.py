"""A fleet lost much of its power within ten seconds, while its chips went on to report."""

from typing import Final

from dashboards.rule import FAST, Panel, Rule

RULE: Final = Rule(
    name="power_dropped",
    title="Power dropped",
    severity="warning",
    group=FAST,
    summary="{site} / {fleet} ({platform}) lost {shown} within ten seconds, {value} of its limit.",
    shown="lost_w",
    unit="W",
    panel=Panel("gigawatt-dynamics", 10),
    runbook_panel=8,
    for_s=0,
    keep_firing_s=300,
    no_data="OK",
    on_error="Error",
)
