"""A fleet counts chips twice: its watts, budget and headroom are wrong by what they draw.

By the samples themselves, which cover the same time: more than ten seconds of a chip within the last minute and a half.
A chip that moves to a host whose clock is off does not. Named are the first of these chips and who reports it.
"""

from typing import Final

from dashboards.rule import FLEET, STEADY, Rule

RULE: Final = Rule(
    name="fleet_doubtful",
    title="Fleet doubtful",
    severity="critical",
    group=STEADY,
    summary="{site} / {fleet} ({platform}): {shown} chips are reported twice, {example}.",
    sql="""
    SELECT
        site, fleet, platform, concat(min(chip), ' by ', argMin(reports, chip)) AS example,
        toFloat64(count()) AS value, value AS shown
    FROM
    (
        SELECT
            site, fleet, platform, chip,
            concat(
                arrayStringConcat(arraySlice(arraySort(groupUniqArrayArray(hosts)), 1, 3), ', '), ' (',
                arrayStringConcat(arraySort(groupUniqArrayArray(methods)), ', '), ')') AS reports
        FROM doubtful_chips_between(since = $__fromTime, until = $__toTime)
        GROUP BY site, fleet, platform, chip
        HAVING count() > 10
    )
    GROUP BY site, fleet, platform
    """,
    unit="count",
    back_s=90,
    labels=(*FLEET, "example"),
    fires_above=0.0,
    clears_below=1.0,
    for_s=0,
    no_data="OK",
    on_error="KeepLast",
    # As the view begins.
    none_unless="""
    SELECT chip_key FROM chip_claims WHERE last_seen >= $__fromTime - 900
    GROUP BY chip_key HAVING min(claim) != max(claim) LIMIT 1
    """,
)
