"""Messages were deleted from the topic before they were stored, or could not be read: their joules are missing.

The first block after them counts them, however long nothing was stored. It fires for a day, and ends by itself.
"""

from typing import Final

from dashboards.rule import SLOW, Panel, Rule
from schema.topics import LOST

RULE: Final = Rule(
    name="messages_lost",
    title="Messages lost",
    severity="critical",
    group=SLOW,
    summary=f"Partition {{kafka_partition}}: {{shown}} {LOST}.",
    shown="messages",
    unit="count",
    panel=Panel("gigawatt-trust", 9),
    runbook_panel=17,
    labels=("kafka_partition",),
    fires_above=0.0,
    clears_below=1.0,
    for_s=0,
    no_data="OK",
    on_error="KeepLast",
)
