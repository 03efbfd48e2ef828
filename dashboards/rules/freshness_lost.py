"""What is stored is old: dashboards and all other alerts are late.

The delay from a sample's end to its being stored, by the median of the last minute's blocks; or, where nothing is
stored any more, how much longer than usual that lasts. A source of a sample a minute is no late source, and what was
over an hour old when it was sent is a recording that is played again, of which nothing is late. The limit is
the strictest of all fleets. Whoever stored nothing for ten minutes has no data, and here that is an alert; so is a
ClickHouse that does not answer, which the other rules leave to this one.
"""

from typing import Final

from dashboards.rule import STEADY, Rule

RULE: Final = Rule(
    name="freshness_lost",
    title="Freshness lost",
    severity="critical",
    group=STEADY,
    summary="What is known is {shown} late, {value} of the limit.",
    sql="""
    SELECT
        greatest(delay_s, silent_s - 2 * pause_s) AS shown,
        shown / (SELECT if(count() = 0, @default_freshness_s, min(@freshness_s)) FROM budgets_at(at = $__toTime))
            AS value
    FROM
    (
        SELECT
            ifNotFinite(quantileExactIf(0.5)(stored_s - newest_s, stored_s > last_s - 60 AND is_live), 0) AS delay_s,
            toFloat64($__toTime) - any(last_s) AS silent_s,
            (any(last_s) - min(stored_s)) / greatest(uniqExact(stored_s) - 1, 1) AS pause_s
        FROM
        (
            SELECT
                toFloat64(stored_at) AS stored_s, toFloat64(newest_ts) AS newest_s, max(stored_s) OVER () AS last_s,
                newest_s > toFloat64(appended_to) - 3600 AS is_live
            FROM ingest_blocks
            WHERE stored_at > $__fromTime AND stored_at <= $__toTime AND newest_ts IS NOT NULL
        )
        HAVING count() > 0
    )
    """,
    unit="s",
    back_s=600,
    labels=(),
    clears_below=0.8,
    for_s=60,
    no_data="Alerting",
    on_error="Alerting",
)
