"""The chips behind a meter draw more than it shows, or far less."""

from typing import Final

from dashboards.rule import SLOW, Panel, Rule
from schema.samples import METER_MODELS

RULE: Final = Rule(
    name="meter_disagrees",
    title="Sum of chips far from the meter",
    severity="warning",
    group=SLOW,
    summary="{site}: the chips of {kind} {meter} draw {shown} of their meter's reading.",
    shown="ratio",
    unit="%",
    panel=Panel("gigawatt-trust", 11),
    runbook_panel=14,
    labels=("site", "kind", "meter"),
    for_s=300,
    keep_firing_s=300,
    no_data="OK",
    on_error="KeepLast",
    none_unless=f"SELECT model FROM chip_series WHERE model IN {METER_MODELS} LIMIT 1",  # noqa: S608  a query of ours
)
