"""A fleet's power swings in a steady rhythm.

The strongest frequency from 0.03 to 0.49 Hz over 128 seconds; it counts where it has half of the variance, which a step
or a dip has not. See `dashboards/oscillation.py` for what cannot be seen.
"""

from typing import Final

from dashboards.oscillation import BACK_S, PERIODIC_SHARE, oscillation_sql
from dashboards.rule import STEADY, Rule

RULE: Final = Rule(
    name="power_oscillates",
    title="Power oscillates",
    severity="warning",
    group=STEADY,
    summary="{site} / {fleet} ({platform}) swings steadily, by {shown} from peak to trough.",
    sql=f"""
    SELECT
        site, fleet, platform,
        if(share >= {PERIODIC_SHARE}, size_w / budget_w / @oscillation_share, 0) AS value,
        size_w AS shown
    FROM
    (
    {oscillation_sql()}
    )
    WHERE budget_w > 0
    """,  # noqa: S608  of our own text
    unit="W",
    back_s=BACK_S,
    clears_below=0.8,
    for_s=60,
    keep_firing_s=300,
    no_data="OK",
    on_error="Error",
)
