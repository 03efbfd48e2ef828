"""Idle chips draw much of a fleet's power.

A pool that is idle on purpose gets a limit of 1 in the fleet file.
"""

from typing import Final

from dashboards.rule import SLOW, Panel, Rule

RULE: Final = Rule(
    name="idle_burn",
    title="Idle chips burn power",
    severity="info",
    group=SLOW,
    summary="{site} / {fleet} ({platform}): idle chips draw {shown}, {value} of the limit.",
    shown="idle_w",
    unit="W",
    panel=Panel("gigawatt-utilization", 8),
    runbook_panel=5,
    for_s=600,
    keep_firing_s=300,
    no_data="OK",
    on_error="KeepLast",
)
