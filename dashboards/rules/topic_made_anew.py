"""The samples topic was deleted and created again: what was in it and not stored is lost, and nobody can say how much.

It fires for a day after the first block of the new topic.
"""

from typing import Final

from dashboards.rule import SLOW, Panel, Rule
from schema.topics import MADE_ANEW

RULE: Final = Rule(
    name="topic_made_anew",
    title="Topic made anew",
    severity="warning",
    group=SLOW,
    summary=f"In the last 24 h {MADE_ANEW}; times: {{shown}}.",
    shown="times",
    unit="count",
    panel=Panel("gigawatt-trust", 9),
    runbook_panel=18,
    labels=(),
    fires_above=0.0,
    clears_below=1.0,
    for_s=0,
    no_data="OK",
    on_error="KeepLast",
)
