"""Too few of a fleet's chips report.

The fleet's other alerts are blind then. A fleet that tells nothing at all is here too, as it stands in the budgets or
reported within the hour. What the pipeline did not store yet is not missing, and nothing is known of any fleet where
nothing is told at all: that is freshness_lost. A fleet is judged once a minute of its own has gone by since it began.
"""

from typing import Final

from dashboards.rule import STEADY, Rule

RULE: Final = Rule(
    name="coverage_lost",
    title="Coverage lost",
    severity="critical",
    group=STEADY,
    summary="{site} / {fleet} ({platform}): {shown} of the chips reported in the last whole minute.",
    sql="""
    SELECT
        site, fleet, platform,
        (1 - share) / greatest(1 - @coverage_share, 1e-6) AS value,
        share AS shown
    FROM @reporting
    """,
    unit="%",
    back_s=300,
    clears_below=0.8,
    for_s=120,
    no_data="OK",
    on_error="KeepLast",
)
