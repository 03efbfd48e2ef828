"""Which raw samples are the newest, in SQL, for queries that look at single chips and hosts.

A second of a million chips is a million samples, so a query looks at as few of them as it can: at those that end in the
newest second of their fleet that is whole, and of a fleet that samples every minute at those of a minute from there on.
"""

# ruff: noqa: S608  queries are made of our own text

from typing import Final

BACK_S: Final = 180
"""A fleet that tells nothing for so long has no newest second."""

NEWEST: Final = f"""
(
    SELECT site, fleet, platform, interval_s, max(second) AS newest
    FROM
    (
        SELECT
            time AS second, site, fleet, platform,
            sum(sums.chip_seconds) AS chips, max(chips) OVER fleets AS most_chips,
            sum(chips) OVER fleets / greatest(sum(sum(sums.samples)) OVER fleets, 1) AS mean_s,
            toInt32(greatest(ceil(mean_s - 0.5), 1)) AS interval_s
        FROM power_by_second AS sums
        WHERE time >= $__toTime - {BACK_S} AND time < $__toTime AND @chosen_chips
        GROUP BY second, site, fleet, platform
        WINDOW fleets AS (PARTITION BY site, fleet, platform)
    )
    WHERE chips >= 0.9 * most_chips
    GROUP BY site, fleet, platform, interval_s
)
"""
"""A table: the newest second of each chosen fleet of which at least nine tenths of its chips are there, and how many
seconds its samples are apart. What is missing for good is missing in all of its seconds."""

# Neighbouring hosts share a row of samples, and a row stands under the second in which the earliest of them ends: so
# rows are looked at from as far back as blocks of the log reach, which is a second, and more where a worker catches up.
_BLOCK_S: Final = """
(
    SELECT toInt32(least(ceil(max(toFloat64(appended_to) - toFloat64(appended_from))), 10))
    FROM ingest_blocks
    WHERE stored_at > $__toTime - 60 AND stored_at <= $__toTime
)
"""

NEAR_NEWEST: Final = f"""
batch_time >= $__toTime - 300 AND batch_time <= $__toTime + 60 AND @chosen_chips
AND (site, fleet, platform, batch_time) IN
(
    SELECT site, fleet, platform, arrayJoin(arrayMap(later -> newest + later, range(0, interval_s)))
    FROM {NEWEST}
)
"""
"""The condition on chip_samples or series_samples for who only picks: the rows that stand under that second, which have
about one sample of each chip. A worker that catches up may leave some out."""
OF_NEWEST: Final = f"""
batch_time >= $__toTime - 300 AND batch_time <= $__toTime + 60 AND @chosen_chips
AND (site, fleet, platform, batch_time) IN
(
    SELECT site, fleet, platform, arrayJoin(arrayMap(
        later -> newest + later,
        range(1 - greatest({_BLOCK_S}, if(interval_s > 1, interval_s + 10, 1)), interval_s + 1)))
    FROM {NEWEST}
)
AND ts >= if(
    interval_ms > 1500,
    (SELECT minIf(newest, interval_s > 1) + 1 FROM {NEWEST}),
    (SELECT minIf(newest, interval_s = 1) + 1 FROM {NEWEST}))
"""
"""The condition on chip_samples or series_samples; of a fleet that is ahead of others, a chip may fulfil it twice."""
