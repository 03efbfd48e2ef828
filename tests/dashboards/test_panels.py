import itertools
import math

import pytest

from dashboards.board import Row, board, textbox, variable
from dashboards.fields import FLEET_COLORS, drill, drill_row, field, fleet_fields
from dashboards.panels import bargauge, heatmap, stat, table, text, timeseries
from tests.dashboards.asking import as_json

LINKS = [drill("gigawatt-chips", "Hosts and chips")]


def made(panel):
    """Return the panel's JSON."""
    return as_json(board("uid", "Title", "Description.", [Row(100, "Row", [panel])]))["panels"][1]


def override(panel, column):
    """Return what the panel's override says of a column."""
    found = [o for o in panel["fieldConfig"]["overrides"] if o["matcher"] == {"id": "byName", "options": column}]
    assert len(found) == 1
    return {one["id"]: one["value"] for one in found[0]["properties"]}


def test_stat_asks_for_rows_and_shows_each_number_as_a_tile():
    """One row as a table; thresholds color it."""
    panel = made(stat(1, "Power", "Words.", "SELECT 1 AS power_w", unit="watt", links=LINKS, steps=((None, "red"),)))

    assert panel["targets"][0]["format"] == 1
    assert panel["options"]["reduceOptions"] == {"calcs": ["lastNotNull"], "fields": "", "values": False}
    assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"] == [{"color": "red", "value": None}]
    assert panel["gridPos"] == {"h": 4, "w": 4, "x": 0, "y": 1}


def test_lines_by_series_are_named_by_their_label_and_keep_their_color():
    """Grafana would otherwise put the query's letter and the column before it."""
    sql = "SELECT now() AS time, worker AS series, 1 AS rows_per_s"
    panel = made(timeseries(1, "Rows", "W.", sql, unit="none", links=LINKS, by_series="rows_per_s", stacked=True))
    defaults = panel["fieldConfig"]["defaults"]

    assert panel["targets"][0]["format"] == 0
    assert defaults["displayName"] == "${__field.labels.series}"
    assert defaults["color"] == {"mode": "palette-classic-by-name"}
    assert defaults["custom"]["stacking"]["mode"] == "normal"


def test_lines_of_fleets_have_the_color_that_the_query_gives_them():
    """By a label; the name comes last, or it would hide the label from the others."""
    sql = "SELECT time, fleet_path AS series, color, power_w FROM fleet_lines"
    panel = made(timeseries(1, "Power", "Words.", sql, unit="watt", links=LINKS, by_series="power_w"))
    *colors, named = panel["fieldConfig"]["overrides"]

    assert [one["matcher"] for one in colors] == [
        {"id": "byRegexp", "options": f'/color="{place:02}"/'} for place in range(len(FLEET_COLORS))
    ]
    assert [one["properties"][0]["value"]["fixedColor"] for one in colors] == list(FLEET_COLORS)
    assert named["matcher"] == {"id": "byType", "options": "number"}
    assert named["properties"] == [{"id": "displayName", "value": "${__field.labels.series}"}]


def test_colors_of_fleets_are_told_apart():
    """By their distance in CIE Lab (1976)."""
    places = [lab(color) for color in FLEET_COLORS]

    assert min(math.dist(one, other) for one, other in itertools.combinations(places, 2)) > 20


def lab(color):
    """Return lightness, a and b of a color such as #3274d9, under the white of D65."""
    red, green, blue = (
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    )
    x, y, z = (
        value ** (1 / 3) if value > 0.008856 else 7.787 * value + 16 / 116
        for value in (
            (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.9505,
            0.2126 * red + 0.7152 * green + 0.0722 * blue,
            (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.089,
        )
    )
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def test_a_table_names_its_columns_and_hides_those_that_are_for_links():
    fields = [*fleet_fields(drill_row("gigawatt-chips", "Its chips", site="site")), field("power_w", title="power")]
    panel = made(table(1, "A", "Words.", "SELECT 1", unit="watt", links=LINKS, fields=fields))

    assert override(panel, "site") == {"displayName": "site", "custom.hidden": True, "custom.hideFrom.viz": True}
    assert override(panel, "fleet_path")["custom.minWidth"] == 200
    assert override(panel, "power_w") == {"displayName": "power", "custom.width": 88}


def test_limits_are_drawn_as_dashed_lines():
    """Thresholds of lines are not seen otherwise."""
    panel = made(timeseries(1, "A", "Words.", "SELECT 1", unit="percentunit", links=LINKS, limits=True))

    assert panel["fieldConfig"]["defaults"]["custom"]["thresholdsStyle"] == {"mode": "dashed"}


def test_bars_are_one_a_row():
    """The bar's name is the row's string."""
    panel = made(bargauge(1, "A", "Words.", "SELECT 'x', 1", unit="watt", links=LINKS, upright=True))

    assert panel["options"]["reduceOptions"]["values"] is True
    assert panel["options"]["orientation"] == "vertical"


def test_heatmap_has_a_row_of_cells_for_each_series():
    """Cells are what the query says, nothing is computed from them; the colors end where the panel says."""
    panel = made(heatmap(1, "A", "Words.", "SELECT 1", unit="watt", links=LINKS, low=0.0, high=700.0))

    assert panel["options"]["calculate"] is False
    assert (panel["options"]["color"]["min"], panel["options"]["color"]["max"]) == (0.0, 700.0)
    assert panel["options"]["cellValues"]["unit"] == "watt"
    assert panel["fieldConfig"]["defaults"]["displayName"] == "${__field.labels.series}"


def test_table_sorts_by_a_column_from_the_top():
    """By the name that is shown."""
    fields = [field("power_w", title="power")]
    panel = made(table(1, "A", "Words.", "SELECT 1 AS power_w", unit="watt", links=LINKS, fields=fields, sort="power"))

    assert panel["options"]["sortBy"] == [{"desc": True, "displayName": "power"}]


def test_text_has_no_query():
    """It has words."""
    panel = made(text(1, "A", "Words.", "\n# Heading\n"))

    assert (panel["options"]["content"], panel["options"]["mode"]) == ("# Heading", "markdown")
    assert "targets" not in panel


def test_a_unit_that_the_page_cannot_write_is_refused():
    """What Grafana knows besides is not used by accident."""
    with pytest.raises(ValueError, match="'furlong' is not among UNITS"):
        stat(7, "Power", "Words.", "SELECT 1", unit="furlong", links=LINKS)
    with pytest.raises(ValueError, match="'furlong' is not among UNITS"):
        field("a", unit="furlong")


def test_field_is_called_by_its_name_in_words_unless_it_has_a_title():
    """Every column that is shown has a name."""
    fields = [field("idle_chips"), field("power_w", title="power", color="blue", dashed=True, fill_below_to="low_w")]
    panel = made(timeseries(1, "A", "Words.", "SELECT 1", unit="watt", links=LINKS, fields=fields))

    assert override(panel, "idle_chips") == {"displayName": "idle chips"}
    assert override(panel, "power_w") == {
        "displayName": "power",
        "color": {"mode": "fixed", "fixedColor": "blue"},
        "custom.lineStyle": {"fill": "dash", "dash": [8, 6]},
        "custom.fillBelowTo": "low_w",
    }


def test_a_cell_links_to_what_its_row_is_about():
    """The time range and the data source go along."""
    link = drill_row("gigawatt-chips", "Its chips", site="site", fleet="fleet")
    fields = [field("fleet", link=link)]
    panel = made(table(1, "A", "Words.", "SELECT 1", unit="watt", links=LINKS, fields=fields))

    assert override(panel, "fleet")["links"][0]["url"] == (
        "/d/gigawatt-chips?${__url_time_range}&${datasource:queryparam}"
        "&var-site=${__data.fields.site}&var-fleet=${__data.fields.fleet}"
    )
    assert panel["links"][0]["url"] == "/d/gigawatt-chips?${__url_time_range}&${__all_variables}"


def test_panels_flow_in_lines_below_their_heading():
    """The next line begins below the tallest, the next row below that."""
    size = {"unit": "watt", "links": LINKS}
    first = [
        stat(1, "A", "Words.", "SELECT 1", width=10, height=4, **size),
        stat(2, "B", "Words.", "SELECT 1", width=14, height=6, **size),
        stat(3, "C", "Words.", "SELECT 1", width=5, height=3, **size),
    ]
    second = [stat(4, "D", "Words.", "SELECT 1", width=5, height=3, **size)]
    panels = as_json(board("uid", "T", "D.", [Row(100, "One", first), Row(200, "Two", second)]))["panels"]

    assert [(p["id"], p["gridPos"]["x"], p["gridPos"]["y"]) for p in panels] == [
        (100, 0, 0), (1, 0, 1), (2, 10, 1), (3, 0, 7), (200, 0, 10), (4, 0, 11)
    ]  # fmt: skip


def test_two_panels_of_one_id_are_refused():
    """Links, alerts and the page name panels by it."""
    panels = [stat(1, title, "Words.", "SELECT 1", unit="watt", links=LINKS) for title in "AB"]

    with pytest.raises(ValueError, match=r"uid: panel ids \[1\] are given twice"):
        board("uid", "T", "D.", [Row(100, "One", panels)])


def test_variables_of_a_board_come_after_those_of_all():
    """A choice of one, or a box to type in."""
    own = [variable("meter", "Meter", "Words.", "SELECT 'a'", multi=False), textbox("host", "Host", "Words.")]
    variables = as_json(board("uid", "T", "D.", [], variables=own))["templating"]["list"]

    assert [one["name"] for one in variables] == [
        "datasource", "site", "fleet", "platform", "model", "meter", "host"
    ]  # fmt: skip
    assert (variables[5]["multi"], variables[5]["includeAll"]) == (False, False)
    assert (variables[6]["type"], variables[6]["query"]) == ("textbox", "")
