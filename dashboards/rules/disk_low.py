"""Little is free on a disk of the store: once it is full, nothing is stored any more.

As it is now, whatever moment is asked about: ClickHouse keeps no past of its disks. The limit is the strictest of all
fleets.
"""

from typing import Final

from dashboards.rule import SLOW, Rule

RULE: Final = Rule(
    name="disk_low",
    title="Disk low",
    severity="warning",
    group=SLOW,
    summary="{shown} of the store's disk {disk} is free.",
    sql="""
    SELECT
        name AS disk,
        least_share / greatest(free_space / total_space, 1e-6) AS value,
        free_space / total_space AS shown
    FROM system.disks
    CROSS JOIN
    (
        SELECT if(count() = 0, @default_free_disk_share, max(@free_disk_share)) AS least_share
        FROM budgets_at(at = $__toTime)
    ) AS strictest
    WHERE total_space > 0
    """,
    unit="%",
    back_s=60,
    labels=("disk",),
    for_s=300,
    no_data="OK",
    on_error="KeepLast",
)
