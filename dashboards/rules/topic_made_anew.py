"""The samples topic was deleted and created again: what was in it and not stored is lost, and nobody can say how much.

It fires for a day after the first block of the new topic.
"""

from typing import Final

from dashboards.rule import SLOW, Rule
from schema.topics import MADE_ANEW

RULE: Final = Rule(
    name="topic_made_anew",
    title="Topic made anew",
    severity="warning",
    group=SLOW,
    summary=f"In the last 24 h {MADE_ANEW}; times: {{shown}}.",
    sql="""
    SELECT toFloat64(greatest(uniqExact(log), 1) - 1) AS value, value AS shown
    FROM ingest_blocks
    WHERE stored_at > $__fromTime AND stored_at <= $__toTime
    """,
    unit="count",
    back_s=86_400,
    labels=(),
    fires_above=0.0,
    clears_below=1.0,
    for_s=0,
    no_data="OK",
    on_error="KeepLast",
)
