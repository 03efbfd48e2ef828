"""Utilization: how busy the chips are for the power that they draw, and which jobs use them."""

from typing import Final

from dashboards import utilization_sql as sql
from dashboards.board import CHIPS, FLEET_POWER, TRUST, UTILIZATION, Row, board
from dashboards.fields import Steps, drill, drill_row, field, fleet_fields
from dashboards.panels import stat, table, timeseries
from dashboards.sdk import Board
from schema.fleet_limits import DEFAULTS

_IDLE: Final[Steps] = ((None, "text"), (0.0, "green"), (DEFAULTS["idle_share"], "orange"))
_BLUE: Final[Steps] = ((None, "blue"),)

_TO_CHIPS = drill(CHIPS, "Hosts and chips")
_TO_POWER = drill(FLEET_POWER, "Fleet power")
_TO_TRUST = drill(TRUST, "Trust")
_FLEET: Final = fleet_fields(drill_row(CHIPS, "Its hosts and chips", site="site", fleet="fleet", platform="platform"))

_BUSY_IS = "Busy is the share of the time in which a chip ran anything, however little of the chip that took"
_TENSOR_IS = (
    "tensor is the share of the peak of the matrix units. What each platform reports as these is in docs/readings.md"
)
_NO_WORK = "It does not measure the work done: compare a fleet with itself over time, not one model with another."


def build() -> Board:
    """Return the board."""
    return board(
        UTILIZATION,
        "Utilization",
        "How busy the chips are for the power that they draw, by fleet and platform; how much idle chips use; which "
        f"jobs draw most. {_BUSY_IS}; {_TENSOR_IS}.",
        [_now(), _side_by_side(), _idle(), _efficiency(), _jobs()],
    )


def _now() -> Row:
    return Row(
        100,
        "Now: means of the last three minutes",
        [
            stat(
                1, "Busy and tensor", "Means of the last three minutes over the chips that report it. "
                f"{_BUSY_IS}; {_TENSOR_IS}.",
                sql.NOW, unit="percentunit", width=8, decimals=1, links=[_TO_CHIPS],
                fields=[field("busy"), field("tensor")],
            ),
            stat(
                2, "Power for each busy chip",
                "Watts per busy chip, including the watts of idle chips, over the last three minutes. Chips that do "
                "not report utilization are left out.",
                sql.WATTS_PER_BUSY_NOW, unit="watt", width=5, decimals=1, links=[_TO_POWER],
                fields=[field("busy_chip_w", title="per busy chip")],
            ),
            stat(
                3, "Used by idle chips", "Power of chips that are busy for less than 5 % of the time, in the newest "
                f"complete second of each fleet; orange from {DEFAULTS['idle_share']:.0%} of the power on.",
                sql.IDLE_NOW, unit="watt", width=11, links=[_TO_CHIPS],
                fields=[
                    field("idle_w", title="idle", decimals=2),
                    field("idle_share", title="of the power", unit="percentunit", decimals=1, steps=_IDLE),
                    field("idle_chips", title="idle chips", unit="locale", decimals=0),
                ],
            ),
        ],
    )  # fmt: skip


def _side_by_side() -> Row:
    return Row(
        200,
        "By fleet and platform",
        [
            timeseries(
                4, "Busy", f"{_BUSY_IS}.", sql.BUSY, unit="percentunit", low=0, high=1, by_series="busy", height=10,
                links=[_TO_CHIPS, _TO_POWER],
            ),
            timeseries(
                5, "Tensor", f"As far as it is reported, {_TENSOR_IS}.", sql.TENSOR, unit="percentunit", low=0, high=1,
                by_series="tensor", height=10, links=[_TO_CHIPS, _TO_POWER],
            ),
            table(
                6, "Fleets and models", "Over the range. The power for each busy chip includes that of idle ones; "
                "idle is below 5 % busy.",
                sql.GROUPS, unit="watt", width=24, height=12, links=[_TO_CHIPS],
                fields=[
                    *_FLEET,
                    field("model", width_px=100),
                    field("busy", unit="percentunit", decimals=1, low=0, high=1, cell="gauge", steps=_BLUE),
                    field("tensor", unit="percentunit", decimals=1, low=0, high=1, cell="gauge", steps=_BLUE),
                    field("chip_w", title="per chip", decimals=1),
                    field("busy_chip_w", title="per busy chip", decimals=1),
                    field("energy_wh", title="energy", unit="watth", decimals=2),
                    field("idle_wh", title="by idle chips", unit="watth", decimals=2),
                    field("idle_share", unit="percentunit", decimals=1, steps=_IDLE, cell="color-text"),
                ],
            ),
        ],
    )  # fmt: skip


def _idle() -> Row:
    return Row(
        300,
        "Used by idle chips",
        [
            timeseries(
                7, "Power of idle chips", "Power of chips that are busy for less than 5 % of the time, up to the "
                "newest complete second of each fleet.",
                sql.IDLE_POWER, unit="watt", low=0, by_series="idle_w", stacked=True, fill=60,
                links=[_TO_CHIPS, _TO_POWER],
            ),
            timeseries(
                8, "Idle share of the power",
                "Share of each fleet's energy that idle chips used. The dashed line is the default limit of the rule.",
                sql.IDLE_SHARE, unit="percentunit", low=0, by_series="idle_share", limits=True,
                steps=((None, "green"), (DEFAULTS["idle_share"], "orange")), links=[_TO_CHIPS, _TO_POWER],
            ),
        ],
    )  # fmt: skip


def _efficiency() -> Row:
    return Row(
        400,
        "Efficiency",
        [
            timeseries(
                9, "Power for each busy chip over time",
                f"Watts per busy chip, including the watts of idle chips. {_NO_WORK}",
                sql.WATTS_PER_BUSY, unit="watt", low=0, width=8, height=11, by_series="busy_chip_w", links=[_TO_POWER],
            ),
            timeseries(
                10, "Busy chip-hours per kWh", "Hours for which a chip was busy, for each kWh that the chips drew, "
                f"idle ones included. {_NO_WORK}",
                sql.BUSY_PER_KWH, unit="none", low=0, width=8, height=11, by_series="chip_hours_per_kwh",
                links=[_TO_POWER],
            ),
            timeseries(
                11, "Tensor chip-hours per kWh", "Hours of matrix units at their peak, for each kWh that the chips "
                "drew. A chip-hour of a fast model holds more operations than one of a slow model. "
                f"{_NO_WORK}",
                sql.TENSOR_PER_KWH, unit="none", low=0, width=8, height=11, by_series="chip_hours_per_kwh",
                links=[_TO_POWER],
            ),
        ],
    )  # fmt: skip


def _jobs() -> Row:
    return Row(
        500,
        "Jobs",
        [
            table(
                12, "Jobs that draw most", "The twenty jobs with most power in the newest complete second, of chips "
                "that report once a minute in the newest complete minute, from single samples. What belongs to no job "
                "is (none).",
                sql.JOBS, unit="watt", width=24, height=12, links=[_TO_CHIPS, _TO_TRUST],
                fields=[
                    field("job_name", title="job", grows_from_px=150),
                    field("power_w", title="power", decimals=2),
                    *_FLEET,
                    field("chips", unit="locale", decimals=0),
                    field("chip_w", title="per chip", decimals=1),
                    field("busy", unit="percentunit", decimals=1, low=0, high=1, cell="gauge", steps=_BLUE),
                ],
            ),
        ],
    )  # fmt: skip
