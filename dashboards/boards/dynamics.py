"""Power dynamics: how fast power changes, how it oscillates, and what drops together."""

from typing import Final

from dashboards import dynamics_sql as sql
from dashboards.board import CHIPS, DYNAMICS, FLEET_POWER, TRUST, Row, board
from dashboards.fields import Steps, drill, drill_row, field, fleet_fields
from dashboards.panels import table, text, timeseries
from dashboards.sdk import Board

_NEWEST_HOUR: Final = "Of the newest hour of the range."
_OF_LIMIT: Final[Steps] = ((None, "text"), (0.0, "green"), (0.8, "yellow"), (1.0, "red"))
_TOGETHER: Final[Steps] = ((None, "text"), (2.0, "red"))

_TO_CHIPS = drill(CHIPS, "Hosts and chips")
_TO_POWER = drill(FLEET_POWER, "Fleet power")
_TO_TRUST = drill(TRUST, "Trust")
_FLEET: Final = fleet_fields(drill_row(CHIPS, "Its hosts and chips", site="site", fleet="fleet", platform="platform"))
_LIMITS_OF_SIGHT: Final = """
- Samples are **means of a second**, sensors average over about one, too: an oscillation faster than **0.5 Hz** is not
  seen, and of one near to it only a part: 90 % of the size at 0.25 Hz, 64 % at 0.49 Hz.
- The slowest is 0.03 Hz: four periods within the **128 seconds** that end ten seconds before the range does.
- A fleet is looked at where **all** 128 seconds are complete, its coverage stays, and its samples are a second long:
  **Trainium**, which tells means of a minute, is left out.
- A step or a dip has all frequencies. A rhythm is *steady* where one has 50 % of the variance.
"""


def build() -> Board:
    """Return the board."""
    return board(
        DYNAMICS,
        "Power dynamics",
        "How fast power changes, how it oscillates, and what drops together. Changes are computed between seconds in "
        "which enough chips reported, and equally many at both ends: a gap in the telemetry is not a change of "
        "power. What "
        "comes from seconds is of the newest hour of the range.",
        [_limits_row(), _ramps(), _oscillation(), _drops()],
    )


def _limits_row() -> Row:
    return Row(
        100,
        "Against the limits",
        [
            table(
                1, "Steepest change of each fleet",
                f"{_NEWEST_HOUR} As in the rules: means of five seconds, ten seconds apart. A rise is compared with "
                f"the fleet's ramp limit, a share of its budget per second; a drop is a share of its power. Fleets "
                f"with longer intervals than five seconds are left out.",
                sql.STEEPEST, unit="si:W/s", width=16, height=12,
                links=[_TO_POWER, _TO_TRUST],
                fields=[
                    *_FLEET,
                    field("rise_w_per_s", title="steepest rise", decimals=2),
                    field("rise_of_limit", title="of limit", unit="suffix:x", decimals=2, steps=_OF_LIMIT,
                          cell="color-text"),
                    field("drop", title="deepest drop", unit="percentunit", decimals=1),
                    field("drop_of_limit", title="drop of limit", unit="suffix:x", decimals=2, steps=_OF_LIMIT,
                          cell="color-text"),
                    field("rose_at", unit="dateTimeAsIso"),
                    field("dropped_at", unit="dateTimeAsIso"),
                ],
            ),
            timeseries(
                2, "Ramp of whole sites over 10 s",
                f"{_NEWEST_HOUR} Sum of the site's chosen fleets: the steepest change of each interval, positive for "
                f"a rise. This is what the grid sees.",
                sql.SITE_RAMP, unit="si:W/s", width=8, height=12, by_series="ramp", links=[_TO_POWER],
            ),
        ],
    )  # fmt: skip


def _ramps() -> Row:
    return Row(
        200,
        "Ramps and swings of each fleet: the steepest change of each interval, positive where power rises",
        [
            timeseries(
                3, "Ramp over 1 s", f"{_NEWEST_HOUR} From one second to the next. Fleets whose samples are longer than "
                "a second are left out.",
                sql.RAMP_1_S, unit="si:W/s", width=8, height=11, by_series="ramp", links=[_TO_POWER],
            ),
            timeseries(
                4, "Ramp over 10 s",
                f"{_NEWEST_HOUR} Between seconds that are ten apart. Fleets with longer intervals than five seconds "
                f"are left out.",
                sql.RAMP_10_S, unit="si:W/s", width=8, height=11, by_series="ramp", links=[_TO_POWER],
            ),
            timeseries(
                5, "Ramp over 60 s", f"{_NEWEST_HOUR} Between seconds that are sixty apart; of Trainium, means of a "
                "minute.",
                sql.RAMP_60_S, unit="si:W/s", width=8, height=11, by_series="ramp", links=[_TO_POWER],
            ),
            timeseries(
                6, "Change from minute to minute",
                "Over the whole range: between the means of two minutes, from three weeks on of two hours. A step "
                "within a minute is split between two minutes.",
                sql.MINUTE_TO_MINUTE, unit="si:W/s", width=12, by_series="ramp",
                links=[_TO_POWER],
            ),
            timeseries(
                7, "Swing within a minute",
                f"{_NEWEST_HOUR} From trough to peak of a minute in which every second is complete; the largest of "
                f"each interval. Fleets whose samples are longer than a second are left out.",
                sql.SWING, unit="watt", low=0, width=12, by_series="swing", links=[_TO_POWER],
            ),
        ],
    )  # fmt: skip


def _oscillation() -> Row:
    return Row(
        300,
        "Oscillation",
        [
            table(
                8, "Strongest oscillation",
                "In the 128 seconds that end ten seconds before the end of the range: the strongest frequency up to "
                "0.5 Hz and its amplitude from trough to peak. Trainium is left out. The panel on the right states "
                "the limits.",
                sql.OSCILLATIONS, unit="watt", width=16, links=[_TO_POWER],
                fields=[
                    *_FLEET,
                    field("size_w", title="size", decimals=2),
                    field("size_of_limit", title="of limit", unit="suffix:x", decimals=2, steps=_OF_LIMIT,
                          cell="color-text"),
                    field("rhythm", width_px=80),
                    field("frequency_hz", title="frequency", unit="suffix:Hz", decimals=3),
                    field("period_s", title="period", unit="s", decimals=1),
                    field("share", title="of the variance", unit="percentunit", decimals=0),
                ],
            ),
            text(9, "What cannot be seen", "Limits of the measurement.", _LIMITS_OF_SIGHT, width=8, height=9),
        ],
    )  # fmt: skip


def _drops() -> Row:
    return Row(
        400,
        "Synchronised drops",
        [
            table(
                10, "Drops within ten seconds",
                f"{_NEWEST_HOUR} Fleets that lost more of their power than their limit within ten seconds while "
                f"their chips kept reporting, and how many of the site's fleets did so within the same ten seconds: "
                f"one fleet suggests a job, several suggest the site.",
                sql.DROPS, unit="watt", width=24, links=[_TO_CHIPS, _TO_TRUST],
                fields=[
                    *_FLEET,
                    field("lost_w", title="lost power", decimals=2),
                    field("lost", title="of its power", unit="percentunit", decimals=1),
                    field("fleets_together", title="fleets of the site at once", unit="none", decimals=0,
                          steps=_TOGETHER, cell="color-text"),
                    field("dropped_at", title="at", unit="dateTimeAsIso"),
                    field("before_w", title="power before", decimals=2),
                ],
            ),
        ],
    )  # fmt: skip
