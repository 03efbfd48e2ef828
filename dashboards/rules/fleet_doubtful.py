"""A fleet counts chips twice: its watts, budget and headroom are wrong by what they draw."""

from typing import Final

from dashboards.rule import FLEET, STEADY, Panel, Rule

RULE: Final = Rule(
    name="fleet_doubtful",
    title="Fleet doubtful",
    severity="critical",
    group=STEADY,
    summary="{site} / {fleet} ({platform}): {shown} chips are reported twice, {example}.",
    shown="chips",
    unit="count",
    panel=Panel("gigawatt-chips", 12),
    runbook_panel=12,
    labels=(*FLEET, "example"),
    fires_above=0.0,
    clears_below=1.0,
    for_s=0,
    no_data="OK",
    on_error="KeepLast",
    # As doubtful_chips_between begins: a quarter of an hour before the minute and a half that the view looks at.
    none_unless="""
    SELECT chip_key FROM chip_claims WHERE last_seen >= $__toTime - 990
    GROUP BY chip_key HAVING min(claim) != max(claim) LIMIT 1
    """,
)
