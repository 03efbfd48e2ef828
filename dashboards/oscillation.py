"""The strongest oscillation of a fleet's power, by a Fourier transform in SQL.

Trained together, chips compute together and wait together, and a fleet's power swings with the step of its jobs. What
is looked at are 128 whole seconds that end ten seconds before the end of the time range: detrended, under a Hann
window, from 4/128 Hz (four periods are then seen) to 63/128 Hz.

Its limits: a fleet is left out unless all 128 seconds are complete, its coverage stays the same and its samples are a
second long. A mean over a second hides what is faster than 0.5 Hz, and shows less of what comes near to it: 64 % of the
size at 0.49 Hz, 90 % at 0.25 Hz. Between two of the frequencies up to 15 % of the size are lost. A step or a dip has
all frequencies: `share` says how much of the variance the frequency and its two neighbours have, and is below 0.45 for
these.
"""

from typing import Final

from dashboards.rule_sql import compose

SECONDS: Final = 128
BACK_S: Final = 140
"""The query looks back so far from the end of its time range."""
PERIODIC_SHARE: Final = 0.5
"""Share of the variance from which on power oscillates."""

_SQL: Final = """
SELECT
    site, fleet, platform, limits, budget_w,
    (3 + indexOf(arraySlice(amplitudes, 4, 60) AS heard, arrayMax(heard)) AS bin) / 128 AS frequency_hz,
    4 / 128 * amplitudes[bin] AS size_w,
    arraySum(a -> a * a, arraySlice(amplitudes, bin - 1, 3)) / greatest(arraySum(a -> a * a, amplitudes), 1e-9) AS share
FROM
(
    SELECT
        site, fleet, platform, limits, budget_w,
        arrayMap(
            k -> hypot(
                arraySum(arrayMap((i, w) -> w * cos(2 * pi() * k * i / 128), at, signal)),
                arraySum(arrayMap((i, w) -> w * sin(2 * pi() * k * i / 128), at, signal))),
            range(1, 64)) AS amplitudes
    FROM
    (
        SELECT
            site, fleet, platform, any(limits) AS limits, any(budget_w) AS budget_w,
            groupArray((second, watts)) AS points,
            simpleLinearRegression(second, watts) AS trend,
            arrayMap(point -> point.1, points) AS at,
            arrayMap(point -> 1 - cos(2 * pi() * point.1 / 128), points) AS hann,
            arrayMap((point, weight) -> (point.2 - trend.1 * point.1 - trend.2) * weight, points, hann) AS signal
        FROM
        (
            SELECT *, toFloat64(time - ($__toTime - 138)) AS second
            FROM @seconds
            WHERE time >= $__toTime - 138 AND time < $__toTime - 10
        )
        GROUP BY site, fleet, platform
        HAVING count() = 128 AND max(interval_s) <= 1.5 AND max(reported) - min(reported) <= @steady_coverage
    )
)
"""


def oscillation_sql() -> str:
    """Return the query: (site, fleet, platform, limits, budget_w, frequency_hz, size_w, share), a row for each fleet.

    `size_w` is peak to peak. It looks at `BACK_S` before `$__toTime`, wherever the range begins.
    """
    return compose(_SQL).replace("$__timeFilter(time)", f"time > $__toTime - {BACK_S} AND time <= $__toTime")
