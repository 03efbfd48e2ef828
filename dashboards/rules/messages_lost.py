"""Messages were deleted from the topic before they were stored, or could not be read: their joules are missing.

The first block after them counts them, however long nothing was stored. It fires for a day, and ends by itself.
"""

from typing import Final

from dashboards.rule import SLOW, Rule
from schema.topics import LOST

RULE: Final = Rule(
    name="messages_lost",
    title="Messages lost",
    severity="critical",
    group=SLOW,
    summary=f"Partition {{kafka_partition}}: {{shown}} {LOST}.",
    sql="""
    SELECT kafka_partition, toFloat64(sum(lost)) AS value, value AS shown
    FROM ingest_blocks
    WHERE stored_at > $__fromTime AND stored_at <= $__toTime
    GROUP BY kafka_partition
    """,
    unit="count",
    back_s=86_400,
    labels=("kafka_partition",),
    fires_above=0.0,
    clears_below=1.0,
    for_s=0,
    no_data="OK",
    on_error="KeepLast",
)
