"""Throttling spreads through a fleet. One bad chip is a matter for its host."""

from typing import Final

from dashboards.rule import FLEET, SLOW, Panel, Rule

RULE: Final = Rule(
    name="chips_throttled",
    title="Throttling spreads",
    severity="warning",
    group=SLOW,
    summary="{site} / {fleet} ({platform}): {shown} of the chips are throttled, cause: {cause}.",
    shown="share",
    unit="%",
    panel=Panel("gigawatt-chips", 8),
    runbook_panel=13,
    labels=(*FLEET, "cause"),
    for_s=180,
    keep_firing_s=300,
    no_data="OK",
    on_error="KeepLast",
)
