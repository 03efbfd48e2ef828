"""The chips behind a meter draw more than it shows, or far less.

A meter also sees what is no chip, so the ratio is below 1 where all is well. One minute, late enough for the slowest
chip, of which chips and meter are told. Coverage far above 1 is chips_doubled. The limits are the widest of the site's
fleets.
"""

from typing import Final

from dashboards.rule import SLOW, Rule
from schema.samples import METER_MODELS

RULE: Final = Rule(
    name="meter_disagrees",
    title="Sum of chips far from the meter",
    severity="warning",
    group=SLOW,
    summary="{site}: the chips of {kind} {meter} draw {shown} of what its meter shows.",
    sql="""
    SELECT
        site, kind, meter,
        greatest(least_ratio / greatest(avg(ratio), 1e-6), avg(ratio) / most_ratio) AS value,
        avg(ratio) AS shown
    FROM
    (
        SELECT *
        FROM power_reconciled_between(since = $__fromTime, until = $__toTime)
        WHERE ratio IS NOT NULL AND coverage >= 0.9 AND coverage <= 1.1 AND meter_coverage >= 0.9
    ) AS told
    LEFT JOIN
    (
        SELECT site, min(@meter_low) AS low, max(@meter_high) AS high
        FROM budgets_at(at = $__toTime)
        GROUP BY site
    ) AS site_limits USING (site)
    GROUP BY
        site, kind, meter,
        if(high > 0, low, @default_meter_low) AS least_ratio,
        if(high > 0, high, @default_meter_high) AS most_ratio
    """,
    unit="%",
    back_s=210,
    until_s=150,
    labels=("site", "kind", "meter"),
    for_s=300,
    keep_firing_s=300,
    no_data="OK",
    on_error="KeepLast",
    none_unless=f"SELECT model FROM chip_series WHERE model IN {METER_MODELS} LIMIT 1",  # noqa: S608  a query of ours
)
