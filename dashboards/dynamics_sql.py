"""What the panels of the board Power dynamics ask; `@fleets` is a condition of sql.py.

What comes from seconds is of the newest hour of the range: those of a day are more than can be read each time that
somebody looks.
"""

# ruff: noqa: S608  queries are made of our own text

from typing import Final

_NEWEST_HOUR: Final = "since = greatest($__fromTime, $__toTime - 3600), until = $__toTime"
_WINDOW_S: Final = "if($__interval_s >= 3600, 3600, 60)"


# Below a watt a second is nothing that matters, and would be shown in milliwatts.
def _ramp(times: str, steps: str) -> str:
    return f"""
SELECT $__timeInterval(ramps.time) AS time, fleet_path AS series, color,
    if(max(abs(w_per_s)) < 1, 0, argMax(w_per_s, abs(w_per_s))) AS ramp
FROM power_ramps_between({times},
    {steps}) AS ramps
WHERE @fleets
GROUP BY time, series, color
ORDER BY time, series
"""


RAMP_1_S: Final = _ramp(_NEWEST_HOUR, "length_s = 1, lag_s = 1, step_s = $__interval_s")
RAMP_10_S: Final = _ramp(_NEWEST_HOUR, "length_s = 1, lag_s = 10, step_s = $__interval_s")
RAMP_60_S: Final = _ramp(_NEWEST_HOUR, "length_s = 1, lag_s = 60, step_s = $__interval_s")
# Between the means of two minutes, from three weeks on of two hours.
MINUTE_TO_MINUTE: Final = _ramp(
    f"since = $__fromTime - {_WINDOW_S}, until = $__toTime,\n    length_s = {_WINDOW_S}",
    f"lag_s = {_WINDOW_S}, step_s = greatest($__interval_s, 60)",
)

SITE_RAMP: Final = f"""
SELECT $__timeInterval(ramps.second) AS time, site AS series, colors.color AS color,
    if(max(abs(site_w_per_s)) < 1, 0, argMax(site_w_per_s, abs(site_w_per_s))) AS ramp
FROM
(
    SELECT time AS second, site, sum(w_per_s) AS site_w_per_s
    FROM power_ramps_between({_NEWEST_HOUR},
        length_s = 1, lag_s = 10, step_s = $__interval_s)
    WHERE @fleets
    GROUP BY second, site
) AS ramps
LEFT JOIN site_colors_at(at = $__toTime) AS colors USING (site)
GROUP BY time, series, color
ORDER BY time, series
"""
SWING: Final = f"""
SELECT $__timeInterval(swings.time) AS time, fleet_path AS series, color, max(swing_w) AS swing
FROM power_swings_between({_NEWEST_HOUR}) AS swings
WHERE @fleets
GROUP BY time, series, color
ORDER BY time, series
"""

STEEPEST: Final = f"""
SELECT
    fleet_path, site, fleet, platform, rise_w_per_s, rise_of_limit, drop, drop_of_limit, rose_at, dropped_at
FROM steepest_changes_between({_NEWEST_HOUR})
WHERE @fleets
ORDER BY row_number() OVER (ORDER BY rise_of_limit DESC, drop DESC, site, fleet, platform)
    WITH FILL FROM 1 TO 2 INTERPOLATE (fleet_path AS 'no fleet with whole seconds')
"""
DROPS: Final = f"""
SELECT
    fleet_path, site, fleet, platform, lost_w, lost, fleets_together, dropped_at, before_w
FROM power_drops_between({_NEWEST_HOUR})
WHERE @fleets
ORDER BY row_number() OVER (ORDER BY dropped_at DESC, site, fleet, platform)
    WITH FILL FROM 1 TO 2 INTERPOLATE (fleet_path AS 'no drop beyond a limit')
LIMIT 100
"""
OSCILLATIONS: Final = """
SELECT
    fleet_path, site, fleet, platform, size_w, size_of_limit, if(steady, 'steady', 'none') AS rhythm, frequency_hz,
    1 / frequency_hz AS period_s, share
FROM oscillations_at(at = $__toTime)
WHERE @fleets
ORDER BY row_number() OVER (ORDER BY size_of_limit DESC, size_w DESC, site, fleet, platform)
    WITH FILL FROM 1 TO 2 INTERPOLATE (fleet_path AS 'no fleet with 128 whole seconds')
"""
