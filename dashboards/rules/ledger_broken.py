"""The ledger has a gap or an overlap: joules are missing, or counted twice.

`gigawatt audit` proves it for all blocks. Messages that the topic lost leave no gap: see `messages_lost`.
"""

from typing import Final

from dashboards.rule import SLOW, Panel, Rule

RULE: Final = Rule(
    name="ledger_broken",
    title="Ledger broken",
    severity="critical",
    group=SLOW,
    summary="Partition {kafka_partition}: {shown} gaps or overlaps between stored blocks.",
    shown="breaks",
    unit="count",
    panel=Panel("gigawatt-trust", 10),
    runbook_panel=16,
    labels=("kafka_partition",),
    fires_above=0.0,
    clears_below=1.0,
    for_s=60,
    no_data="OK",
    on_error="KeepLast",
)
