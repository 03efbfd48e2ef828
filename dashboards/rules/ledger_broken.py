"""The ledger has a gap or an overlap: joules are missing, or counted twice.

Each block of a partition must begin where the one before it ended. Blocks of the last hour, the first of them against
what was stored within a week before: an outage of some days leaves no gap unseen. `gigawatt audit` proves it for all.
Messages that the topic lost leave no gap: see `messages_lost`.
"""

from typing import Final

from dashboards.rule import SLOW, Rule

RULE: Final = Rule(
    name="ledger_broken",
    title="Ledger broken",
    severity="critical",
    group=SLOW,
    summary="Partition {kafka_partition}: {shown} gaps or overlaps between stored blocks.",
    sql="""
    SELECT kafka_partition, toFloat64(countIf(offset_from != expected AND expected > 0)) AS value, value AS shown
    FROM
    (
        SELECT
            kafka_partition, offset_from,
            lagInFrame(offset_to + 1) OVER
            (
                PARTITION BY log, topic, kafka_partition ORDER BY offset_from
                ROWS BETWEEN 1 PRECEDING AND CURRENT ROW
            ) AS expected
        FROM
        (
            SELECT log, topic, kafka_partition, offset_from, offset_to
            FROM ingest_blocks
            WHERE stored_at > $__fromTime AND stored_at <= $__toTime
            UNION ALL
            SELECT log, topic, kafka_partition, max(offset_to), max(offset_to)
            FROM ingest_blocks
            WHERE stored_at > $__fromTime - INTERVAL 7 DAY AND stored_at <= $__fromTime
            GROUP BY log, topic, kafka_partition
        )
    )
    GROUP BY kafka_partition
    """,
    unit="count",
    back_s=3_600,
    labels=("kafka_partition",),
    fires_above=0.0,
    clears_below=1.0,
    for_s=60,
    no_data="OK",
    on_error="KeepLast",
)
