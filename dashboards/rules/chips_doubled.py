"""Chips of a fleet are reported twice: their watts count twice."""

from typing import Final

from dashboards.rule import SLOW, Panel, Rule

RULE: Final = Rule(
    name="chips_doubled",
    title="Chips reported twice",
    severity="warning",
    group=SLOW,
    summary="{site} / {fleet} ({platform}): {shown} chips are reported twice.",
    shown="chips_doubled",
    unit="count",
    panel=Panel("gigawatt-chips", 12),
    runbook_panel=11,
    for_s=120,
    no_data="OK",
    on_error="KeepLast",
)
