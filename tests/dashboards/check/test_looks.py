"""What a Grafana would hide, mix up or color wrongly is found by a panel's JSON alone."""

from typing import Any

import pytest

from dashboards.check.looks import unfit
from dashboards.widths import inner_px


def column(name: str, **told: Any) -> dict[str, Any]:
    """Return the override of a column; `custom_width` is custom.width."""
    properties = [{"id": id_.replace("custom_", "custom."), "value": value} for id_, value in told.items()]
    return {"matcher": {"id": "byName", "options": name}, "properties": properties}


def panel(*columns: dict[str, Any], kind: str = "table", w: int = 12, h: int = 9, **more: Any) -> dict[str, Any]:
    return {
        "type": kind, "gridPos": {"w": w, "h": h}, "fieldConfig": {"defaults": {}, "overrides": list(columns)}, **more
    }  # fmt: skip


def wrong(made: dict[str, Any]) -> list[str]:
    return [complaint.wrong for complaint in unfit(made)]


def steps(first: str) -> dict[str, Any]:
    return {"steps": [{"value": None, "color": first}, {"value": 1, "color": "red"}]}


def by_series(placement: str, mode: str, **size: int) -> dict[str, Any]:
    named = {"defaults": {"displayName": "${__field.labels.series}"}}
    legend = {"legend": {"showLegend": True, "placement": placement, "displayMode": mode}}
    return {**panel(kind="timeseries", **size), "fieldConfig": named, "options": legend}


def test_a_title_that_is_another_columns_name_is_found():
    """As of 55,397,198.3 % of the budget: both overrides were of one column."""
    columns = column("stranded_w", displayName="stranded"), column("stranded", displayName="of the budget")

    assert wrong(panel(*columns, kind="stat")) == ["stranded_w is shown as stranded, which is another column's name"]


def test_two_columns_of_one_title_are_found():
    columns = column("a", displayName="power"), column("b", displayName="power")

    assert wrong(panel(*columns, kind="stat")) == ["a and b are both shown as power"]


@pytest.mark.parametrize("kind", ["stat", "table", "bargauge"])
def test_a_color_of_no_value_that_judges_is_found(kind):
    assert wrong(panel(column("a", thresholds=steps("green")), kind=kind)) == ["no value of a would be green"]
    assert wrong(panel(column("a", thresholds=steps("text")), kind=kind)) == []


def test_a_limit_that_is_drawn_as_a_line_may_begin_with_any_color():
    assert wrong(panel(column("a", thresholds=steps("green")), kind="timeseries")) == []


def test_a_tile_with_a_background_is_found():
    assert wrong(panel(kind="stat", options={"colorMode": "background"})) == [
        "tiles have a background, lavender or black where the color is text"
    ]


def test_a_value_that_a_narrow_window_hides_is_found():
    """Site, fleet, platform, host and chip came before the watts, at 150 pixels each."""
    columns = column("chip", custom_width=500), column("power_w", custom_width=150), column("job", custom_width=60)

    assert wrong(panel(*columns)) == ["the column power_w ends at 650 px, and a window of 1280 px shows 602"]
    assert wrong(panel(column("chip", custom_width=450), *columns[1:])) == []


def test_a_column_without_a_width_has_150_pixels_as_in_grafana():
    columns = [column(name) for name in ("site", "fleet", "platform", "host", "chip", "power")]

    assert wrong(panel(*columns)) == ["the column power ends at 900 px, and a window of 1600 px shows 762"]
    assert wrong(panel(*columns, w=24)) == []


def test_a_hidden_column_takes_no_room():
    columns = [column("chip", custom_width=500), column("site", custom_hidden=True, custom_width=400)]

    assert wrong(panel(*columns, column("power", custom_width=80))) == []


def test_a_heading_that_is_cut_is_found():
    found = wrong(panel(column("a", displayName="samples at once", custom_width=90)))

    assert found == ["the heading of a is cut at 90 px"]


def test_inner_widths_are_those_that_were_measured():
    """On Grafana 12.2 at 1600 pixels: the whole width, and half of it."""
    assert inner_px(24, 1600) == 1550
    assert inner_px(12, 1600) == 762


def test_a_legend_that_shows_three_of_nine_is_found():
    """Below a chart it has a third of the height, and a table one row a line."""
    assert wrong(by_series("bottom", "table", w=8, h=9)) == ["of 9 lines the legend needs 260 px, and has 100"]
    assert wrong(by_series("bottom", "list", w=8, h=9)) == ["of 9 lines the legend needs 110 px, and has 100"]
    assert wrong(by_series("bottom", "list", w=8, h=11)) == []
    assert wrong(by_series("right", "table", w=12, h=9)) == []


def test_words_for_no_rows_that_are_cut_are_found():
    """They stand in the first column, which is as wide as it is."""
    sql = "ORDER BY place WITH FILL FROM 1 TO 2 INTERPOLATE (chip AS 'no sample in the newest second')"
    columns = column("chip", custom_width=130), column("power_w", custom_width=90)

    (found,) = wrong(panel(*columns, targets=[{"rawSql": sql}]))
    assert found == '"no sample in the newest second" needs 217 px, and the first column has 130'
    assert wrong(panel(*columns, targets=[{"rawSql": sql.replace(" in the newest second", "")}])) == []
