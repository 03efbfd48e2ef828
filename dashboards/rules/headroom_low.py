"""A fleet draws nearly its budget.

As budget_exceeded, against the budget less the share that is to stay free; over as soon as the budget itself is
exceeded, for that is another alert.
"""

from typing import Final

from dashboards.rule import STEADY, Rule

RULE: Final = Rule(
    name="headroom_low",
    title="Power headroom low",
    severity="warning",
    group=STEADY,
    summary="{site} / {fleet} ({platform}) has {shown} of its budget left.",
    sql="""
    SELECT
        site, fleet, platform,
        if(power_w < budget_w, power_w / (budget_w * greatest(1 - @headroom_share, 1e-6)), 0) AS value,
        1 - power_w / budget_w AS shown
    FROM @level
    WHERE budget_w > 0
    """,
    unit="%",
    back_s=180,
    clears_below=0.99,
    for_s=300,
    keep_firing_s=120,
    no_data="KeepLast",
    on_error="KeepLast",
)
