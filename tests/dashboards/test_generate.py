"""The checked-in dashboards are what the boards make, and every one of them keeps the rules that all of them have."""

import json
import re

import pytest

from dashboards import board, generate
from dashboards.fields import COLORS, FLEET_COLORS, UNITS
from dashboards.macros import expand
from dashboards.names import DATA_SOURCE_TYPE, RUNBOOKS_UID
from schema.errors import GigawattError
from schema.published import PUBLISHED
from tests.dashboards.asking import as_json, view

BOARDS = {name: as_json(made) for name, made in generate.found()}
PANELS = [
    pytest.param(panel, id=f"{name}-{panel['id']}")
    for name, one in BOARDS.items()
    for panel in one["panels"]
    if panel["type"] != "row"
]
ASKING = [param for param in PANELS if param.values[0]["type"] != "text"]
UIDS = {board.FLEET_POWER, board.UTILIZATION, board.DYNAMICS, board.CHIPS, board.TRUST, RUNBOOKS_UID}
KINDS = {"stat", "timeseries", "table", "bargauge", "heatmap", "text"}
NOW = 1_790_000_000

BY_SITE = re.compile(rf"\b({'|'.join(name for name, columns in PUBLISHED.items() if 'fleet' in columns)})\b(?!\.)")
"""Views of which every query is of the chosen site, fleet and platform."""


def asked(text):
    """Return the SQL without its comments."""
    return re.sub(r"--[^\n]*|/\*.*?\*/", "", text, flags=re.DOTALL)


def test_checked_in_dashboards_are_those_that_the_boards_make():
    """Run `gigawatt dashboards build` after a change of a board."""
    assert generate.differing() == []


def test_building_again_changes_nothing(tmp_path):
    """What is made is the same each time; what nothing makes any more goes."""
    (tmp_path / "json").mkdir()
    (tmp_path / "json" / "gone.json").write_text("{}", "utf-8")

    assert generate.write(tmp_path) == sorted(["json/gone.json", *generate.files()])
    assert generate.write(tmp_path) == []
    assert sorted(path.name for path in (tmp_path / "json").iterdir()) == sorted(f"{name}.json" for name in BOARDS)


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    """With what to do about it."""
    (tmp_path / "json").write_text("a file", "utf-8")

    with pytest.raises(GigawattError, match="name another folder with --to"):
        generate.write(tmp_path)


@pytest.mark.parametrize("name", BOARDS)
def test_board_has_a_name_and_can_only_be_read(name):
    """It is known by its file, and nobody edits what is made."""
    one = BOARDS[name]

    assert one["uid"] == f"gigawatt-{name.replace('_', '-')}"
    assert one["title"]
    assert one["description"].endswith(".")
    assert one["editable"] is False
    assert (one["tags"], one["timezone"]) == (["gigawatt"], "utc")
    assert one["refresh"] in one["timepicker"]["refresh_intervals"]
    assert one["links"][0]["tags"] == ["gigawatt"]
    assert "id" not in one


@pytest.mark.parametrize("name", BOARDS)
def test_board_has_the_variables_and_the_annotations_of_all(name):
    """Data source, labels; alerts and changes of capacity."""
    variables = {one["name"]: one for one in BOARDS[name]["templating"]["list"]}
    annotations = {one["name"]: one for one in BOARDS[name]["annotations"]["list"]}

    assert list(variables)[:5] == ["datasource", "site", "fleet", "platform", "model"]
    assert (variables["datasource"]["type"], variables["datasource"]["query"]) == ("datasource", DATA_SOURCE_TYPE)
    for label in ("site", "fleet", "platform", "model"):
        assert variables[label]["multi"]
        assert variables[label]["includeAll"]
        assert variables[label]["refresh"] == 2
        assert variables[label]["description"]
        assert variables[label]["query"]["rawSql"] == variables[label]["definition"]
    assert set(annotations) == {"Alerts", "Capacity changes"}
    assert "capacity_changes" in annotations["Capacity changes"]["target"]["rawSql"]


@pytest.mark.parametrize("name", BOARDS)
def test_ids_and_titles_are_given_once(name):
    """Grafana would give ids of its own, other ones each time."""
    panels = BOARDS[name]["panels"]
    ids = [panel["id"] for panel in panels]
    titles = [panel["title"] for panel in panels if panel["type"] != "row"]

    assert all(ids)
    assert len(set(ids)) == len(ids)
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("name", BOARDS)
def test_panels_stand_on_the_grid_and_on_no_other(name):
    """24 columns, each cell of at most one panel."""
    taken: dict[tuple[int, int], int] = {}
    for panel in BOARDS[name]["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert taken.setdefault((x, y), panel["id"]) == panel["id"]


@pytest.mark.parametrize("name", BOARDS)
def test_no_data_source_is_written_in(name):
    """All of them are the one that is chosen, but for Grafana's own annotations."""
    text = json.dumps(BOARDS[name])

    assert set(re.findall(r'"uid": "([^"]*)"', text)) <= {"${datasource}", "-- Grafana --", BOARDS[name]["uid"]}


@pytest.mark.parametrize("panel", PANELS)
def test_panel_says_what_it_is(panel):
    """A title, and a description in sentences."""
    assert panel["type"] in KINDS
    assert panel["title"]
    assert panel["description"].endswith(".")


@pytest.mark.parametrize("panel", ASKING)
def test_panel_asks_one_query_of_the_chosen_data_source(panel):
    """Which the page can draw, too."""
    (target,) = panel["targets"]

    assert panel["datasource"] == target["datasource"] == {"type": DATA_SOURCE_TYPE, "uid": "${datasource}"}
    assert (target["refId"], target["format"]) == ("A", 0 if panel["type"] in ("timeseries", "heatmap") else 1)


@pytest.mark.parametrize("panel", ASKING)
def test_panel_has_unit_thresholds_and_a_way_down(panel):
    """Colors and units are of those that the page knows; links lead to boards that there are."""
    defaults = panel["fieldConfig"]["defaults"]
    text = json.dumps(panel["fieldConfig"])
    urls = re.findall(r'"url": "([^"]*)"', json.dumps(panel))

    assert defaults["unit"] in UNITS
    assert defaults["noValue"]
    assert defaults["thresholds"]["steps"][0]["value"] is None
    values = [step["value"] for step in defaults["thresholds"]["steps"][1:]]
    assert values == sorted(values)
    assert set(re.findall(r'"(?:color|fixedColor)": "([^"]*)"', text)) <= {*COLORS, *FLEET_COLORS}
    assert panel["links"]
    assert all(re.match(r"/d/([\w-]+)\?", url)[1] in UIDS for url in urls)


@pytest.mark.parametrize("panel", ASKING)
def test_query_is_of_what_is_chosen_and_of_the_range(panel):
    """Where a view knows the site, it is asked for; no query is of another time than the dashboard's."""
    sql = asked(panel["targets"][0]["rawSql"])

    if BY_SITE.search(sql):
        for label in ("site", "fleet", "platform", "model"):
            assert re.search(rf"\$__conditionalAll\([^$]*\b{label}\b[^$]* IN \(\${{{label}:singlequote}}\)", sql) or (
                label == "model" and "model IN (${model:singlequote})" in sql
            )
    assert not re.search(r"\b(now|now64|today|yesterday)\s*\(", sql)
    assert "@" not in sql


@pytest.fixture(scope="module")
def empty(engine):
    """Give a client of a database without rows; nothing here writes."""
    client = engine.migrated_client()
    yield client
    client.close()


@pytest.mark.parametrize("panel", ASKING)
def test_every_column_has_its_name_and_the_panel_what_it_draws(empty, panel):
    """`time` and `series` name themselves; the other columns of a query have an override, and none is left over."""
    sql = expand(panel["targets"][0]["rawSql"], view(NOW, host="", chip=""))
    columns = {row[0]: row[1] for row in empty.query(f"DESCRIBE TABLE ({sql})").result_rows}
    matched = [one["matcher"] for one in panel["fieldConfig"]["overrides"]]
    named = {one["options"] for one in matched if one["id"] == "byName"}
    numbers = [name for name, kind in columns.items() if re.search(r"Int|Float|Decimal", kind)]

    if "displayName" in panel["fieldConfig"]["defaults"]:
        assert list(columns) == ["time", "series", numbers[0]]
    elif matched and matched[-1]["id"] == "byType":
        assert list(columns) == ["time", "series", "color", numbers[0]]
    elif panel["type"] == "bargauge":
        assert (len(columns), len(numbers), len(named)) == (2, 1, 0)
    elif panel["type"] == "table":
        assert [one["options"] for one in matched] == list(columns)
    else:
        assert named == columns.keys() - {"time"}
    if panel["type"] in ("timeseries", "heatmap"):
        assert columns["time"].startswith("DateTime")


TABLES = [param for param in ASKING if param.values[0]["type"] == "table"]


@pytest.mark.parametrize("panel", TABLES)
def test_a_table_without_rows_says_why(empty, panel):
    """In its first column, and nothing in the others: Grafana would show headings alone."""
    rows = empty.query(expand(panel["targets"][0]["rawSql"], view(NOW, host="", chip=""))).result_rows

    if panel["title"] != "Tables":  # of the store itself
        ((first, *others),) = rows
        assert first
        assert set(others) <= {None, ""}


@pytest.mark.parametrize("name", BOARDS)
def test_variables_and_annotations_can_be_asked(empty, name):
    """Also where nothing was stored; with something chosen, too."""
    chosen = view(NOW, site=["a", "b"], fleet=["it's"], host="", chip="")
    queries = [one["query"]["rawSql"] for one in BOARDS[name]["templating"]["list"] if one["type"] == "query"]
    queries += [one["target"]["rawSql"] for one in BOARDS[name]["annotations"]["list"] if "target" in one]

    assert [empty.query(expand(sql, chosen)).result_rows for sql in queries] == [[] for _ in queries]
