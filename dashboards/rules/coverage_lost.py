"""Too few of a fleet's chips report: the fleet's other alerts are blind.

A fleet that reports nothing at all is here too, as it stands in the budgets or reported within the hour. Where no fleet
reports, nothing is known of any: that is freshness_lost.
"""

from typing import Final

from dashboards.rule import STEADY, Panel, Rule

RULE: Final = Rule(
    name="coverage_lost",
    title="Coverage lost",
    severity="critical",
    group=STEADY,
    summary="{site} / {fleet} ({platform}): {shown} of the chips reported in the last full minute.",
    shown="coverage",
    unit="%",
    panel=Panel("gigawatt-fleet-power", 11),
    runbook_panel=4,
    clears_below=0.8,
    for_s=120,
    no_data="OK",
    on_error="KeepLast",
)
