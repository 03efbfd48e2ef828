"""What is stored is old: dashboards and all other alerts are late.

Whoever stored nothing for ten minutes has no data, and here that is an alert; so is a ClickHouse that does not answer,
which the other rules leave to this one.
"""

from typing import Final

from dashboards.rule import STEADY, Panel, Rule

RULE: Final = Rule(
    name="freshness_lost",
    title="Freshness lost",
    severity="critical",
    group=STEADY,
    summary="The newest data is {shown} old, {value} of the limit.",
    shown="late_s",
    unit="s",
    panel=Panel("gigawatt-trust", 2),
    runbook_panel=15,
    labels=(),
    clears_below=0.8,
    for_s=60,
    no_data="Alerting",
    on_error="Alerting",
)
