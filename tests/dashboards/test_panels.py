import pytest

from dashboards.board import Row, board, textbox, variable
from dashboards.fields import drill, drill_row, field
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
    panel = made(timeseries(1, "Power", "Words.", "SELECT 1", unit="watt", links=LINKS, by_series=True, stacked=True))
    defaults = panel["fieldConfig"]["defaults"]

    assert panel["targets"][0]["format"] == 0
    assert defaults["displayName"] == "${__field.labels.series}"
    assert defaults["color"] == {"mode": "palette-classic-by-name"}
    assert defaults["custom"]["stacking"]["mode"] == "normal"


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
    panel = made(table(1, "A", "Words.", "SELECT 1", unit="watt", links=LINKS, sort="power"))

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
