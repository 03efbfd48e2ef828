"""The conditions of the dashboards' variables, and what every query of a panel keeps to."""

import itertools
import statistics
import time

import pytest

from dashboards import generate
from dashboards.fields import FLEET_COLORS
from dashboards.macros import ALL, View, expand
from dashboards.sql import CONDITIONS, compose
from tests.dashboards.asking import as_json, view
from tests.dashboards.seeding import GPU, Group, Window, budgets, windows

NOTHING_CHOSEN = View(0, 60_000, variables=dict.fromkeys(("site", "fleet", "platform", "model"), ALL))
NOW = int(time.time()) // 3600 * 3600 - 7200
QUERIES = {
    f"{name} {panel['id']}": panel["targets"][0]["rawSql"]
    for name, board in generate.found()
    for panel in as_json(board)["panels"]
    if panel.get("targets")
}
LINES = {
    f"{name} {panel['id']}": panel["targets"][0]["rawSql"]
    for name, board in generate.found()
    for panel in as_json(board)["panels"]
    if panel["type"] == "timeseries"
}


def test_a_panel_has_as_many_lines_as_one_reads():
    """What a query means stands in the views that it asks; no line is longer than a screen is wide."""
    lengths = {name: len(sql.splitlines()) for name, sql in QUERIES.items()}

    assert {name: length for name, length in lengths.items() if length > 25} == {}
    assert statistics.median(lengths.values()) <= 12
    assert [line for sql in QUERIES.values() for line in sql.splitlines() if len(line) > 120] == []


def test_a_condition_that_nobody_knows_is_an_error():
    """A slip of the pen is no query."""
    with pytest.raises(KeyError, match="fleetz"):
        compose("SELECT 1 WHERE @fleetz")


def test_further_lines_are_as_deep_as_the_first():
    text = compose("SELECT 1\n    WHERE a AND @chips\n    GROUP BY b")

    assert text.splitlines()[2].startswith("        AND $__conditionalAll(fleet IN")
    assert text.endswith("$model)\n    GROUP BY b")


def test_everything_is_chosen_without_a_condition():
    """Whoever chooses nothing pays for no filter."""
    for name in CONDITIONS:
        assert set(expand(compose(f"@{name}"), NOTHING_CHOSEN).split()) == {"1=1", "AND"}


def test_a_chosen_name_may_have_a_quote_in_it():
    """It is quoted, and ends nothing."""
    chosen = View(0, 60_000, variables={**NOTHING_CHOSEN.variables, "site": ["it's", "b"]})

    assert "site IN ('it\\'s','b')" in expand(compose("@chips"), chosen)


@pytest.fixture(scope="module")
def client(engine):
    made = engine.migrated_client()
    yield made
    made.close()


def test_a_fleet_has_the_color_of_its_place_among_all_that_were_planned(client):
    """Whatever else is asked for, and whenever: a fleet that is planned later moves none."""
    north = {fleet: Group("north", fleet, "tpu", "tpu-v7", "model") for fleet in "abd"}
    budgets(client, {north[fleet]: (1e3, 1) for fleet in "bd"}, loaded_at=NOW - 9_000)

    def colors():
        return dict(client.query(f"SELECT fleet, color FROM fleet_colors_at(at = toDateTime({NOW}))").result_rows)

    before = colors()
    budgets(client, dict.fromkeys(north.values(), (1000.0, 1)), loaded_at=NOW - 600)
    after = colors()

    assert before.items() <= after.items()
    assert len(set(after.values())) == 3
    assert set(after.values()) <= {f"{place:02}" for place in range(len(FLEET_COLORS))}
    assert colors_of_many(client) == {f"{place:02}" for place in range(len(FLEET_COLORS))}
    client.command("TRUNCATE TABLE budget_loads")


def colors_of_many(client):
    """Return the colors that fleets have, where there are more fleets than colors."""
    many = [Group("south", f"{number}", "tpu", "tpu-v7", "model") for number in range(40)]
    budgets(client, dict.fromkeys(many, (1000.0, 1)), loaded_at=NOW - 500)
    rows = client.query(f"SELECT DISTINCT color FROM fleet_colors_at(at = toDateTime({NOW}))").result_rows
    return {color for (color,) in rows}


@pytest.fixture(scope="module")
def paused(client):
    """Give a client of a database in which everything stood still for half an hour."""
    budgets(client, {GPU: (60_000.0, 100)})
    begun = [NOW - age for age in itertools.chain(range(2, 600), range(2_400, 3_400))]
    busy = {"error_w": 1.0, "busy": 0.5, "tensor": 0.2, "idle_chips": 1.0, "idle_chip_w": 90.0}
    windows(client, [Window(at, GPU, **busy) for at in begun])
    windows(client, [Window(at, GPU, **busy, resolution_s=60) for at in begun if at % 60 == 0])
    return client


def test_no_line_of_any_board_is_drawn_across_a_pause(paused):
    """What has values on both sides of it has a null within: Grafana draws across rows that are missing."""
    judged = []
    for name, sql in LINES.items():
        found = paused.query(expand(sql, view(NOW, 3_600, chip="")))
        numbers = [at for at, kind in enumerate(found.column_types) if "Float" in kind.name or "Int" in kind.name]
        told = [(row[0].timestamp(), any(row[at] is not None for at in numbers)) for row in found.result_rows]
        if any(known for at, known in told if at <= NOW - 2_400) and any(known for at, known in told if at > NOW - 600):
            judged.append(name)
            assert any(not known for at, known in told if NOW - 2_400 <= at < NOW - 600), name

    assert len(judged) >= 15, judged
