"""Hosts and chips: which hosts stand out, and which chips draw most, are throttled, silent, or reported twice."""

from typing import Final

from dashboards import chips_sql as sql
from dashboards.board import CHIPS, DYNAMICS, FLEET_POWER, TRUST, UTILIZATION, Row, board, textbox
from dashboards.fields import Steps, drill, drill_row, field, fleet_fields
from dashboards.panels import bargauge, heatmap, table, timeseries
from dashboards.sdk import Board, Panel
from schema.fleet_limits import DEFAULTS

_OF_LIMIT: Final[Steps] = ((None, "text"), (0.0, "green"), (0.8, "yellow"), (1.0, "red"))
_SOME: Final[Steps] = ((None, "text"), (1.0, "orange"))
_THROTTLED: Final[Steps] = ((None, "green"), (DEFAULTS["throttled_share"], "red"))
_HOT: Final[Steps] = ((None, "text"), (85.0, "orange"), (95.0, "red"))

_TO_DYNAMICS = drill(DYNAMICS, "Power dynamics")
_TO_POWER = drill(FLEET_POWER, "Fleet power")
_TO_TRUST = drill(TRUST, "Trust")
_TO_UTILIZATION = drill(UTILIZATION, "Utilization")
_ALONE: Final = drill_row(CHIPS, "This fleet alone", site="site", fleet="fleet", platform="platform")
_FLEET: Final = fleet_fields(_ALONE)
_ITS_FLEET: Final = fleet_fields(_ALONE, grows=False)
_CHIP: Final = field(
    "chip",
    link=drill_row(CHIPS, "Its history", site="site", fleet="fleet", platform="platform", chip="chip"),
    grows_from_px=130,
)
_HOST: Final = field("host", width_px=100)
_NEWEST: Final = "The newest complete second of each fleet; for Trainium, the minute from there on."


def build() -> Board:
    """Return the board."""
    return board(
        CHIPS,
        "Hosts and chips",
        "Which hosts and chips stand out, are throttled, silent or reported twice, and the history of one chip. "
        "Lists of raw samples show the newest second of the range; raw samples are kept for three days.",
        [_fleets(), _hosts(), _extremes(), _throttled(), _lost_and_doubled(), _one_chip()],
        refresh="30s",
        variables=[textbox("chip", "Chip", "name of the chip whose history is shown; links of the lists fill it in")],
    )


def _fleets() -> Row:
    return Row(
        100,
        "Against the limits",
        [
            table(
                1, "Chips of each fleet",
                "Known chips reported within the last day. Silent chips are known chips that did not report for five "
                "minutes before the newest stored sample; reported twice is how many more chips report than are "
                "known. Shares of throttled chips are of those that say so, over two to three "
                "minutes that are complete. Limits are those of the fleet file; 1 x is at the limit.",
                sql.FLEETS, unit="short", width=24, height=11, links=[_TO_POWER, _TO_TRUST],
                fields=[
                    *_FLEET,
                    field("known", unit="locale", decimals=0),
                    field("silent", unit="locale", decimals=0),
                    field("silent_of_limit", unit="suffix:x", decimals=2, steps=_OF_LIMIT, cell="color-text"),
                    field("twice", title="reported twice", unit="locale", decimals=0),
                    field("twice_of_limit", unit="suffix:x", decimals=2, steps=_OF_LIMIT, cell="color-text"),
                    field("capped", title="at a power cap", unit="percentunit", decimals=2),
                    field("hot", title="too hot", unit="percentunit", decimals=2),
                    field("slowed", title="slowed by hardware", unit="percentunit", decimals=2),
                    field("throttled_of_limit", unit="suffix:x", decimals=2, steps=_OF_LIMIT, cell="color-text"),
                ],
            ),
        ],
    )  # fmt: skip


def _hosts() -> Row:
    return Row(
        200,
        "Hosts that stand out",
        [
            heatmap(
                2, "Watts per chip of hosts that stand out", "The twelve hosts whose chips are, on average, farthest "
                "from the mean of their fleet and model; one second of each of the newest ten minutes.",
                sql.HEATMAP, unit="watt", width=12, height=11, links=[_TO_UTILIZATION],
            ),
            table(
                3, "Hosts that stand out",
                f"{_NEWEST} Mean of the host's chips, and its share of the mean of the fleet and model.",
                sql.OUTLIERS, unit="watt", width=12, height=11, links=[_TO_UTILIZATION],
                fields=[
                    field("host", grows_from_px=110),
                    field("host_w", title="per chip", decimals=2),
                    field("of_fleet", title="of the mean", unit="percentunit", decimals=0),
                    field("busy", unit="percentunit", decimals=0),
                    field("hottest_c", title="hottest", unit="celsius", decimals=0, steps=_HOT, cell="color-text"),
                    *_ITS_FLEET,
                    field("model", width_px=96),
                ],
            ),
        ],
    )  # fmt: skip


def _extremes() -> Row:
    lists = (
        (4, "Most power", "power_w", "DESC"),
        (5, "Least power", "power_w", "ASC"),
        (6, "Hottest chips", "temperature_c", "DESC"),
        (7, "Coolest chips", "temperature_c", "ASC"),
    )
    return Row(300, "Top and bottom chips", [_ranking(*one) for one in lists])


def _ranking(id_: int, title: str, reading: str, order: str) -> Panel:
    described = {"power_w": "whose power is known", "temperature_c": "that report their temperature"}[reading]
    return table(
        id_, title, f"{_NEWEST} Ten of the chips {described}.",
        sql.ranking(reading, order), unit="watt", width=12, height=12,
        links=[_TO_UTILIZATION],
        fields=[
            _CHIP,
            field("power_w", title="power", decimals=2),
            field("temperature_c", title="heat", unit="celsius", decimals=0, steps=_HOT, cell="color-text"),
            field("utilization", title="busy", unit="percentunit", decimals=0),
            *_ITS_FLEET,
            _HOST,
            field("job", width_px=104),
        ],
    )  # fmt: skip


def _throttled() -> Row:
    return Row(
        400,
        "Throttled chips",
        [
            timeseries(
                8, "Throttled chips by cause",
                "Share of throttled chips, of the chosen fleets' chips that report throttling. The dashed line is "
                "the default limit of a fleet.",
                sql.OVER_TIME, unit="percentunit", low=0, width=8, limits=True, steps=_THROTTLED,
                links=[_TO_DYNAMICS, _TO_UTILIZATION],
                fields=[
                    field("capped", title="power cap", color="yellow"),
                    field("hot", title="heat", color="red"),
                    field("slowed", title="hardware or power brake", color="purple"),
                ],
            ),
            bargauge(
                9, "Throttled now", f"{_NEWEST} Number of chips by cause; a chip may have several.",
                sql.COUNTS, unit="locale", decimals=0, low=0, width=4, steps=_SOME, links=[_TO_UTILIZATION],
                no_value="none",
            ),
            table(
                10, "List of throttled chips", f"{_NEWEST} The hundred hottest.",
                sql.THROTTLED, unit="watt", width=12, links=[_TO_UTILIZATION],
                fields=[
                    _CHIP,
                    field("causes", width_px=130),
                    field("power_w", title="power", decimals=2),
                    field("temperature_c", title="heat", unit="celsius", decimals=0, steps=_HOT, cell="color-text"),
                    *_ITS_FLEET,
                    _HOST,
                ],
            ),
        ],
    )  # fmt: skip


def _lost_and_doubled() -> Row:
    return Row(
        500,
        "Silent chips, and chips reported twice",
        [
            table(
                11, "Silent chips by host",
                "Chips that reported within the last day, but not for five minutes before the newest stored sample. "
                "The inventory is updated every few seconds to three minutes. A chip that has reported after the "
                "range does not count.",
                sql.SILENT, unit="locale", width=12, links=[_TO_TRUST],
                fields=[
                    field("host", grows_from_px=150),
                    field("silent", decimals=0, steps=_SOME, cell="color-text"),
                    field("chips", title="of its chips", decimals=0),
                    *_ITS_FLEET,
                    field("last_seen", unit="dateTimeAsIso"),
                ],
            ),
            table(
                13, "Chips under two names",
                "A chip of a fleet that was reported with two hosts or models within five minutes: by two producers, "
                "or because it was just moved.",
                sql.TWO_NAMES, unit="none", width=12, links=[_TO_TRUST],
                fields=[_CHIP, field("names", decimals=0), field("reported_as", grows_from_px=220), *_ITS_FLEET],
            ),
            table(
                12, "Chips reported twice", "Chips of which samples cover the same time, within the last minute and a "
                "half of the range: from two hosts, by two methods, or twice from one host. Their watts count twice: "
                "counted is what all reports of a chip add to the sum. Of a fleet at most a thousand chips are looked "
                "at.",
                sql.DOUBLED, unit="none", width=24, links=[_TO_TRUST],
                fields=[
                    _CHIP,
                    field("counted_w", title="counted", unit="watt", decimals=2),
                    field("seconds", decimals=0, steps=_SOME, cell="color-text"),
                    field("samples_at_once", title="samples at once", decimals=0),
                    *_ITS_FLEET,
                    field("reported_by", grows_from_px=160),
                    field("power_methods", title="methods", width_px=140),
                    field("newest", unit="dateTimeAsIso"),
                ],
            ),
        ],
    )  # fmt: skip


def _one_chip() -> Row:
    which = "The chip that is entered above, within the newest hour of the range."
    nothing = "no reading in that hour, or no chip is chosen above"
    return Row(
        600,
        "One chip",
        [
            table(
                14, "Chip", "The inventory of the chip that is entered above.",
                sql.CHIP, unit="string", width=24, height=4, links=[_TO_POWER],
                fields=[
                    field("chip", grows_from_px=330), *_ITS_FLEET, field("host", grows_from_px=110),
                    field("model"), field("first_seen", unit="dateTimeAsIso"), field("last_seen", unit="dateTimeAsIso"),
                ],
            ),
            timeseries(
                15, "Power of the chip", which, sql.history("[('', power_w)]"), unit="watt", low=0, width=8, height=11,
                by_series="reading", links=[_TO_POWER], no_value=nothing,
            ),
            timeseries(
                16, "Utilization of the chip", which,
                sql.history("[(', busy', utilization), (', tensor', tensor_utilization)]"), unit="percentunit", low=0,
                high=1, width=8, height=11, by_series="reading", links=[_TO_UTILIZATION],
                no_value=nothing,
            ),
            timeseries(
                17, "Temperature of the chip", which, sql.history("[('', temperature_c)]"), unit="celsius", width=8,
                height=11, by_series="reading", links=[_TO_POWER], no_value=nothing,
            ),
        ],
    )  # fmt: skip
