"""Two or more fleets of a site lost much of their power within the same minute.

One fleet that drops is a job that ended or failed. Several at once are the site: its grid, its cooling, its network.
"""

from typing import Final

from dashboards.rule import FAST, Panel, Rule

RULE: Final = Rule(
    name="power_dropped_together",
    title="Power of several fleets dropped together",
    severity="critical",
    group=FAST,
    summary="{site}: fleets that dropped at once lost {shown}.",
    shown="lost_w",
    unit="W",
    panel=Panel("gigawatt-dynamics", 10),
    runbook_panel=9,
    labels=("site",),
    clears_below=1.0,
    for_s=0,
    keep_firing_s=300,
    no_data="OK",
    on_error="Error",
)
