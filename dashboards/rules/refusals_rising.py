"""More rows are rejected than in the hour before, for one reason."""

from typing import Final

from dashboards.rule import SLOW, Panel, Rule

RULE: Final = Rule(
    name="refusals_rising",
    title="Rejected rows rising",
    severity="warning",
    group=SLOW,
    summary="{shown} rows were rejected within five minutes, reason: {reason}.",
    shown="rows",
    unit="count",
    panel=Panel("gigawatt-trust", 5),
    runbook_panel=19,
    labels=("reason",),
    for_s=60,
    keep_firing_s=300,
    no_data="OK",
    on_error="KeepLast",
)
