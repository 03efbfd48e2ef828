"""Fleet power: how many megawatts, against which budget, how certain."""

from typing import Final

from dashboards import fleet_power_sql as sql
from dashboards.board import CHIPS, DYNAMICS, FLEET_POWER, TRUST, UTILIZATION, Row, board
from dashboards.fields import LEAST, Steps, drill, drill_row, field, fleet_fields
from dashboards.panels import bargauge, stat, table, timeseries
from dashboards.sdk import Board
from schema.fleet_limits import DEFAULTS

_HEADROOM: Final[Steps] = (
    (None, "text"), (LEAST, "red"), (0.0, "orange"), (DEFAULTS["headroom_share"], "green"),
)  # fmt: skip
_LEFT: Final[Steps] = ((None, "text"), (LEAST, "red"), (0.0, "text"))
_COVERAGE: Final[Steps] = (
    (None, "text"), (0.0, "red"), (DEFAULTS["coverage_share"], "yellow"), (0.99, "green"),
)  # fmt: skip
_BLUE: Final[Steps] = ((None, "blue"),)
_NOW_AGE: Final[Steps] = ((None, "text"), (DEFAULTS["freshness_s"], "red"))
_TWICE: Final[Steps] = ((None, "text"), (1.0, "red"))
_AGE: Final[Steps] = ((None, "text"), (0.0, "green"), (DEFAULTS["freshness_s"], "yellow"), (120.0, "red"))

_TO_CHIPS = drill(CHIPS, "Hosts and chips")
_TO_DYNAMICS = drill(DYNAMICS, "Power dynamics")
_TO_TRUST = drill(TRUST, "Trust")
_TO_UTILIZATION = drill(UTILIZATION, "Utilization")
_FLEET: Final = fleet_fields(drill_row(CHIPS, "Its hosts and chips", site="site", fleet="fleet", platform="platform"))


def build() -> Board:
    """Return the board."""
    return board(
        FLEET_POWER,
        "Fleet power",
        "How many megawatts the fleets draw, against which budget, and how certain that is. Watts cover chips only, "
        "corrected for chips that do not report. Budgets and coverage are per platform: a chosen model shows the "
        "fleets and platforms that have it.",
        [_now(), _over_time(), _how_sure(), _energy()],
    )


def _now() -> Row:
    return Row(
        100,
        "Now: the newest complete second of each fleet",
        [
            stat(
                1, "All chosen fleets",
                "Power is corrected for chips that do not report; a fleet that fell silent within three minutes "
                "counts with its last known power. Headroom is that of fleets with known power; orange is below "
                f"{DEFAULTS['headroom_share']:.0%} of them, red above the budget. Coverage is the share of the chips "
                "expected to state power, 0 for a fleet that does not report; red is below "
                f"{DEFAULTS['coverage_share']:.0%}. ± is one standard deviation: errors are correlated within a "
                "platform and independent between platforms. Chips that are reported twice count twice in the power.",
                sql.NOW, unit="watt", width=24, links=[_TO_DYNAMICS, _TO_TRUST],
                fields=[
                    field("power_w", title="power", decimals=2),
                    field("error_w", title="±", decimals=2),
                    field("unbudgeted_w", title="of it without a budget", decimals=2),
                    field("budget_total_w", title="budget", decimals=2),
                    field("headroom_w", title="left", decimals=2, steps=_LEFT),
                    field("headroom", title="left of the budget", unit="percentunit", decimals=1, steps=_HEADROOM),
                    field("coverage", unit="percentunit", decimals=1, steps=_COVERAGE),
                    field("missing_chips", title="chips missing", unit="locale", decimals=0, steps=((None, "text"),)),
                    field("twice", title="chips reported twice", unit="locale", decimals=0, steps=_TWICE),
                    field("newest_age_s", title="age", unit="s", decimals=0, steps=_NOW_AGE),
                ],
            ),
        ],
    )  # fmt: skip


def _over_time() -> Row:
    return Row(
        200,
        "Against the budget",
        [
            timeseries(
                6, "Power against budget", "Power of the chosen fleets with its error band (one standard deviation), "
                "what of it is of fleets with a budget where some have none, the budget of then, and on the right axis "
                "the coverage. A fleet that fell silent is not in the power; the dashed line has its last known power, "
                "too. It ends where all fleets that report are complete.",
                sql.AGAINST_BUDGET, unit="watt", low=0, width=24, height=10, links=[_TO_DYNAMICS, _TO_CHIPS],
                fields=[
                    field("power_w", title="power", color="blue", line_width=2),
                    field("high_w", title="power + error", color="super-light-blue", line_width=0, fill=30,
                          fill_below_to="low_w"),
                    field("low_w", title="power - error", color="super-light-blue", line_width=0),
                    field("with_silent_w", title="with what silent fleets had", color="orange", dashed=True),
                    field("budgeted_w", title="of fleets with a budget", color="purple", dashed=True),
                    field("budget_w", title="budget", color="red", dashed=True),
                    field("coverage", unit="percentunit", color="green", right_axis=True, low=0, high=1),
                ],
            ),
            timeseries(
                7, "Power by fleet and platform",
                "Power of each fleet, up to the time at which all reporting fleets are complete. A silent fleet "
                "leaves a gap.",
                sql.BY_GROUP, unit="watt", low=0, width=9, height=12, by_series="power_w", stacked=True, fill=60,
                links=[_TO_UTILIZATION, _TO_CHIPS],
            ),
            table(
                8, "Fleets and platforms",
                "The newest complete second of each, and its age. The state uses the fleet's limits from the fleet "
                "file; colors use the default limits.",
                sql.GROUPS, unit="watt", width=15, height=12, links=[_TO_CHIPS],
                fields=[
                    *_FLEET,
                    field("power_w", title="power", decimals=2),
                    field("state", width_px=116),
                    field("budget_w", title="budget", decimals=2),
                    field("headroom", unit="percentunit", decimals=1, steps=_HEADROOM, cell="color-text"),
                    field("error_w", title="± error", decimals=1),
                    field("coverage", unit="percentunit", decimals=1, steps=_COVERAGE, cell="color-text"),
                    field("age_s", title="age", unit="s", decimals=0, steps=_AGE, cell="color-text"),
                    field("measured", unit="percentunit", decimals=0),
                ],
            ),
        ],
    )  # fmt: skip


def _how_sure() -> Row:
    return Row(
        300,
        "How certain",
        [
            timeseries(
                9, "Measured and modelled power",
                "As reported: measured by an energy counter or a power sensor, modelled from a percentage of a rated "
                "range or from utilization.",
                sql.BY_ORIGIN, unit="watt", low=0, width=8, height=11, stacked=True, fill=60, links=[_TO_TRUST],
                fields=[
                    field("measured_w", title="measured", color="green"),
                    field("modelled_w", title="modelled", color="orange"),
                ],
            ),
            timeseries(
                10, "Error of each fleet", "One standard deviation, as a share of the power.",
                sql.ERROR_BY_GROUP, unit="percentunit", low=0, width=8, height=11, by_series="error_share",
                links=[_TO_TRUST],
            ),
            timeseries(
                11, "Coverage of each fleet", "Share of the expected chips that report; above 100 % a chip is reported "
                "twice. The dashed line is the default minimum for rules.",
                sql.COVERAGE_BY_GROUP, unit="percentunit", low=0, width=8, height=11, by_series="coverage", limits=True,
                steps=((None, "red"), (DEFAULTS["coverage_share"], "green")), links=[_TO_TRUST, _TO_CHIPS],
            ),
        ],
    )  # fmt: skip


def _energy() -> Row:
    return Row(
        400,
        "Energy and planning",
        [
            stat(
                12, "Energy", "Energy of today and of this month until the end of the range, in UTC.",
                sql.ENERGY, unit="watth", width=6, height=5, links=[_TO_UTILIZATION],
                fields=[
                    field("today_wh", title="today", decimals=2),
                    field("month_wh", title="this month", decimals=2),
                ],
            ),
            stat(
                13, "Stranded power", "Budget that was not needed: the budgets of the fleets that reported, less "
                "what all of them together stayed below 99.9 % of the time. It is of seconds for ranges of up to five "
                "hours, then of means over a minute, from three weeks on over an hour.",
                sql.STRANDED, unit="watt", width=18, height=5, links=[_TO_DYNAMICS],
                fields=[
                    field("p999_w", title="p99.9 of the sum", decimals=2),
                    field("budget_w", title="budget", decimals=2),
                    field("stranded_w", title="stranded power", decimals=2),
                    field("stranded", title="of the budget", unit="percentunit", decimals=1),
                ],
            ),
            bargauge(
                14, "Load duration", "The power that was reached or exceeded in that share of the time.",
                sql.DURATION, unit="watt", decimals=2, low=0, width=24, height=8, upright=True, steps=_BLUE,
                links=[_TO_DYNAMICS],
            ),
            table(
                15, "Energy by fleet", "Energy of today and of this month until the end of the range, in UTC.",
                sql.ENERGY_BY_GROUP, unit="watth", width=12, links=[_TO_UTILIZATION],
                fields=[
                    *_FLEET,
                    field("today_wh", title="today", decimals=2),
                    field("month_wh", title="this month", decimals=2),
                    field("share", unit="percentunit", decimals=1, low=0, high=1, cell="gauge", steps=_BLUE),
                ],
            ),
            table(
                16, "Stranded power by fleet",
                "Each fleet's budget, and the power that it stayed below 99.9 % of the time. Peaks of fleets seldom "
                "coincide: all fleets together strand more than the sum of these.",
                sql.STRANDED_BY_GROUP, unit="watt", width=12, links=[_TO_DYNAMICS],
                fields=[
                    *_FLEET,
                    field("stranded_w", title="stranded power", decimals=2),
                    field("budget_w", title="budget", decimals=2),
                    field("p999_w", title="p99.9", decimals=2),
                    field("stranded", title="of the budget", unit="percentunit", decimals=1, low=0, high=1,
                          cell="gauge", steps=_BLUE),
                ],
            ),
        ],
    )  # fmt: skip
