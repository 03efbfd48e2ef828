"""Some of a fleet's chips fell silent. Where it has lost its coverage, that is the alert."""

from typing import Final

from dashboards.rule import SLOW, Panel, Rule

RULE: Final = Rule(
    name="chips_silent",
    title="Chips silent",
    severity="warning",
    group=SLOW,
    summary="{site} / {fleet} ({platform}): {shown} chips fell silent.",
    shown="chips_silent",
    unit="count",
    panel=Panel("gigawatt-chips", 11),
    runbook_panel=10,
    for_s=120,
    no_data="OK",
    on_error="KeepLast",
)
