"""Little is free on a disk of the store: once it is full, nothing is stored any more."""

from typing import Final

from dashboards.rule import SLOW, Panel, Rule

RULE: Final = Rule(
    name="disk_low",
    title="Disk low",
    severity="warning",
    group=SLOW,
    summary="{shown} of ClickHouse's disk {disk} is free.",
    shown="free_share",
    unit="%",
    panel=Panel("gigawatt-trust", 15),
    runbook_panel=21,
    labels=("disk",),
    for_s=300,
    no_data="OK",
    on_error="KeepLast",
)
