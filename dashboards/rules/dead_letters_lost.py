"""Rejected rows are not in the dead letters: the topic is missing, cannot be written, or is too small.

Samples are stored all the same. What is written late leaves the count by itself.
"""

from typing import Final

from dashboards.rule import SLOW, Panel, Rule

RULE: Final = Rule(
    name="dead_letters_lost",
    title="Dead letters lost",
    severity="warning",
    group=SLOW,
    summary="{shown} dead letters of the last hour could not be written.",
    shown="dead_letters",
    unit="count",
    panel=Panel("gigawatt-trust", 5),
    runbook_panel=20,
    labels=(),
    fires_above=0.0,
    clears_below=1.0,
    for_s=60,
    no_data="OK",
    on_error="KeepLast",
)
