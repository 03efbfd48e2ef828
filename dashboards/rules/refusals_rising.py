"""More rows are refused than in the hour before, for one reason.

Five minutes against three times the share of the hour before them. A producer that has always sent some nonsense wakes
nobody up again; refusals count once they are one in a thousand of what arrived, and ten rows.
"""

from typing import Final

from dashboards.rule import SLOW, Rule

RULE: Final = Rule(
    name="refusals_rising",
    title="Refused rows rising",
    severity="warning",
    group=SLOW,
    summary="{shown} rows were refused within five minutes, reason: {reason}.",
    sql="""
    SELECT
        reason,
        refused / greatest(10, arrived * greatest(0.001, 3 * refused_before / greatest(arrived_before, 1))) AS value,
        refused AS shown
    FROM
    (
        SELECT
            reason,
            toFloat64(sumIf(rows, time > $__toTime - 300)) AS refused,
            toFloat64(sumIf(rows, time <= $__toTime - 300)) AS refused_before
        FROM rejected_rows
        WHERE time > $__fromTime AND time <= $__toTime
        GROUP BY reason
    ) AS refusals
    CROSS JOIN
    (
        SELECT
            toFloat64(sumIf(samples + rejected, appended_to > $__toTime - 300)) AS arrived,
            toFloat64(sumIf(samples + rejected, appended_to <= $__toTime - 300)) AS arrived_before
        FROM ingest_blocks
        WHERE appended_to > $__fromTime AND appended_to <= $__toTime AND stored_at > $__fromTime
    ) AS arrivals
    """,
    unit="count",
    back_s=3_900,
    labels=("reason",),
    for_s=60,
    keep_firing_s=300,
    no_data="OK",
    on_error="KeepLast",
)
