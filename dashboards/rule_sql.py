"""What the queries of several rules share: fragments of SQL, put in where a query says `@name`.

A gap in the telemetry looks like a drop of the load to whoever adds up what arrives. So rules look at seconds of which
enough chips reported, at watts that are corrected for the rest, and at changes while the coverage stays.

    @seconds       a table: complete seconds of each fleet in the time range, with watts, the share of the chips that
                   reported (of those that did at most, where none are planned), the interval of samples, budget, limits
    @level         a table: the mean of each fleet's last thirty complete seconds
    @changes       a table: for each second the mean watts of the five seconds that end with it (after_w), and of those
                   that end ten seconds before (before_w), where the coverage stayed the same and samples are frequent
    @minutes       a table: whole minutes of each fleet of which enough chips reported
    @reporting     a table: of each fleet that should report, how many chips did, in a minute that is settled: as long
                   before the horizon as the fleet's samples take to be there (settled_s), and as long after all
                   began, and the fleet did; no row where there is no such minute
    @inventory     a table: chips of each fleet that were seen within a day (known) and within five minutes (alive)
    @horizon       the end of the newest stored sample, at most the end of the range: what lies after it was not stored
                   yet, which is no fault of a fleet
    @began         since when anybody tells anything without a pause: the end of that sample, of any fleet, which comes
                   much later than usual after the one before it; null where nothing is told now
    @chips_only    the condition that leaves meters out
    @LIMIT         a fleet's limit of that name, where `limits` is known; its default without a budget
    @default_LIMIT its default
"""

import re
from collections.abc import Mapping
from textwrap import dedent, indent
from types import MappingProxyType
from typing import Final

from schema.fleet_limits import DEFAULTS
from schema.samples import METER_MODELS

STEADY_COVERAGE: Final = 0.02
"""Coverage that moves by less than this share of the chips stays the same."""
FREQUENT_S: Final = 5.5
"""Longest mean interval of samples, in seconds, of which a change within ten seconds can be told."""
SETTLE_S: Final = 15
"""Seconds from a sample's end until it is stored, at most; one that comes later is counted by a later evaluation."""
SLOWEST_S: Final = 60
"""Interval of samples, in seconds, of a fleet that told none: what the slowest platform has."""
PAUSE_S: Final = 5
"""No sample's end for longer than this and twice as long as usual, in seconds, is a pause of everything."""

_FRAGMENT: Final = re.compile(r"^( *)(.*?)@(\w+)", re.MULTILINE)

_SECONDS: Final = """(
    SELECT
        time, site, fleet, platform, limits, budget_w, interval_s, reported,
        drawn_w / least(reported, 1) AS watts
    FROM
    (
        SELECT
            *,
            known / if(expected > 0, expected, max(known) OVER fleets) AS reported,
            sum(known) OVER fleets / greatest(sum(ended) OVER fleets, 1) AS interval_s
        FROM
        (
            SELECT
                time, site, fleet, platform,
                sum(energy_j) AS drawn_w, sum(chip_seconds) AS known, sum(samples) AS ended
            FROM power_by_second
            WHERE $__timeFilter(time) AND power_method != '' AND @chips_only
            GROUP BY time, site, fleet, platform
        ) AS sums
        LEFT JOIN
        (
            SELECT
                site, fleet, platform, limits,
                ifNull(assumed.budget_w, 0) AS budget_w,
                if(assumed.budget_w IS NULL, 0., toFloat64(power_chips_expected)) AS expected
            FROM capacity_at(at = $__toTime) AS assumed
        ) AS planned USING (site, fleet, platform)
        WINDOW fleets AS (PARTITION BY site, fleet, platform)
    )
    WHERE known > 0 AND reported >= @coverage_share
)"""

_LEVEL: Final = """(
    SELECT site, fleet, platform, any(limits) AS limits, any(budget_w) AS budget_w, avg(watts) AS power_w
    FROM
    (
        SELECT *, max(time) OVER (PARTITION BY site, fleet, platform) AS newest
        FROM @seconds
    )
    WHERE time > newest - 30
    GROUP BY site, fleet, platform
)"""

_CHANGES: Final = """(
    SELECT site, fleet, platform, limits, budget_w, before_w, after_w
    FROM
    (
        SELECT
            *,
            avg(watts) OVER (fleets ROWS BETWEEN 4 PRECEDING AND CURRENT ROW) AS after_w,
            avg(watts) OVER (fleets ROWS BETWEEN 14 PRECEDING AND 10 PRECEDING) AS before_w,
            min(time) OVER span AS began,
            max(reported) OVER span - min(reported) OVER span AS coverage_moved
        FROM @seconds
        WINDOW
            fleets AS (PARTITION BY site, fleet, platform ORDER BY time),
            span AS (fleets ROWS BETWEEN 14 PRECEDING AND CURRENT ROW)
    )
    WHERE began = time - 14 AND coverage_moved <= @steady_coverage AND interval_s <= @frequent_s
)"""

_MINUTES: Final = """(
    SELECT site, fleet, platform, limits, power_w, idle_w, power_capped_share, thermal_share, hardware_throttled_share
    FROM fleet_power_windows
    WHERE resolution_s = 60 AND time >= $__fromTime AND time <= $__toTime - INTERVAL 1 MINUTE
        AND power_w > 0 AND ifNull(coverage, 1) >= @coverage_share
)"""

_REPORTING: Final = """(
    SELECT
        site, fleet, platform, limits, expected, told.chips AS chips, least(told.power_chips / expected, 1) AS share,
        if(told.cadence_s > 0, told.cadence_s, @slowest_s) + @settle_s AS settled_s
    FROM
    (
        SELECT site, fleet, platform, max(planned) AS expected, argMax(limits_told, length(limits_told)) AS limits
        FROM
        (
            SELECT
                site, fleet, platform, if(budget_w IS NULL, 0, toFloat64(power_chips_expected)) AS planned,
                limits AS limits_told, chips_expected > 0 AS is_wanted
            FROM capacity_at(at = $__toTime)
            UNION ALL
            SELECT site, fleet, platform, power_chips_expected, CAST(map(), 'Map(String, Float64)'), false
            FROM fleet_power_windows
            WHERE resolution_s = 60 AND time >= $__toTime - INTERVAL 1 HOUR AND time <= $__toTime
        )
        GROUP BY site, fleet, platform
        HAVING expected > 0 AND max(is_wanted)  -- else it was forgotten
    ) AS wanted
    LEFT JOIN
    (
        SELECT
            site, fleet, platform, any(interval_s) AS cadence_s, minIf(time, ended > 0) AS first,
            sumIf(known, settled) / 60 AS chips,
            sumIf(known, settled AND power_method != '') / 60 AS power_chips
        FROM
        (
            SELECT
                time, site, fleet, platform, power_method, chip_seconds AS known, samples AS ended,
                sum(chip_seconds) OVER fleets / greatest(sum(samples) OVER fleets, 1) AS interval_s,
                @horizon - (interval_s + @settle_s) AS until,
                time > until - 60 AND time <= until AS settled
            FROM power_by_second
            WHERE time > @horizon - 900 AND time <= @horizon AND @chips_only
            WINDOW fleets AS (PARTITION BY site, fleet, platform)
        )
        GROUP BY site, fleet, platform
    ) AS told USING (site, fleet, platform)
    WHERE @began <= @horizon - (2 * settled_s + 60) AND told.first <= @horizon - (2 * settled_s + 60)
)"""

# Hashes stand for names, of which there are a million.
_INVENTORY: Final = """(
    SELECT
        site, fleet, platform,
        toFloat64(uniqExact(cityHash64(chip))) AS known,
        toFloat64(uniqExactIf(cityHash64(chip), last_seen > @horizon - 300)) AS alive
    FROM chip_sightings
    WHERE live_seen > @horizon - 86400 AND first_seen <= $__toTime AND @chips_only
    GROUP BY site, fleet, platform
)"""

_HORIZON: Final = """(
    SELECT ifNull(least(toDateTime(max(newest_ts)), $__toTime), $__toTime)
    FROM ingest_blocks
    WHERE stored_at > $__toTime - INTERVAL 1 HOUR AND stored_at <= $__toTime
)"""

# By the ends of samples: none is in a pause. A sample of a minute reaches back into it, a block of the ledger over it.
# What is older than a quarter of an hour matters to no rule; the first second there has none before it, and begins it.
# Who pauses again and again does not begin each time, or nobody would be told of what is missing.
_BEGAN: Final = """(
    SELECT
        if(
            max(time) < $__toTime - (@pause_s + @settle_s + 2 * any(usual_s)), NULL,
            if(countIf(after_pause) > 5, min(time), maxIf(time, after_pause))
        )
    FROM
    (
        SELECT
            time,
            ifNotFinite(quantileIf(0.9)(passed_s, passed_s < at_s) OVER (), 0) AS usual_s,
            passed_s > @pause_s + 2 * usual_s AS after_pause
        FROM
        (
            SELECT
                time,
                toUnixTimestamp(time) AS at_s,
                at_s - lagInFrame(at_s) OVER (ORDER BY time ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS passed_s
            FROM
            (
                SELECT time FROM power_by_second
                WHERE time > $__toTime - INTERVAL 15 MINUTE AND time <= $__toTime AND samples > 0
                GROUP BY time
            )
        )
    )
)"""

_LIMIT: Final = "greatest(if(mapContains(limits, '{name}'), limits['{name}'], {default}), 1e-6)"

FRAGMENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "seconds": _SECONDS,
        "level": _LEVEL,
        "changes": _CHANGES,
        "minutes": _MINUTES,
        "reporting": _REPORTING,
        "inventory": _INVENTORY,
        "horizon": _HORIZON,
        "began": _BEGAN,
        "chips_only": f"model NOT IN {METER_MODELS}",
        "steady_coverage": str(STEADY_COVERAGE),
        "frequent_s": str(FREQUENT_S),
        "settle_s": str(SETTLE_S),
        "slowest_s": str(SLOWEST_S),
        "pause_s": str(PAUSE_S),
        **{name: _LIMIT.format(name=name, default=default) for name, default in DEFAULTS.items()},
        **{f"default_{name}": str(default) for name, default in DEFAULTS.items()},
    }
)


def compose(sql: str) -> str:
    """Return the query with its fragments in place. Raises `KeyError` for one that is not known."""
    sql = dedent(sql).strip()
    while _FRAGMENT.search(sql):
        sql = _FRAGMENT.sub(_put_in, sql)
    return sql


def _put_in(match: re.Match[str]) -> str:
    """Put a fragment in, its further lines as deep as the line that asks for it."""
    first, *rest = FRAGMENTS[match[3]].split("\n")
    return f"{match[1]}{match[2]}" + "\n".join([first, indent("\n".join(rest), match[1])] if rest else [first])
