"""What is put around queries for Grafana, on the real engine: gaps are gaps, fleets keep their colors."""

import itertools
import time

import pytest
from clickhouse_connect.driver.client import Client

from dashboards import generate
from dashboards.fields import FLEET_COLORS
from dashboards.macros import expand
from dashboards.shaped import lines, quoted, rows
from dashboards.sql import compose
from tests.dashboards.asking import as_json, view
from tests.dashboards.seeding import GPU, Group, Window, budgets, windows

NOW = int(time.time()) // 3600 * 3600 - 7200
LINES = [
    (f"{name} {panel['id']}", panel["targets"][0]["rawSql"])
    for name, board in generate.found()
    for panel in as_json(board)["panels"]
    if panel["type"] == "timeseries"
]


@pytest.fixture(scope="module")
def client(engine):
    made = engine.migrated_client()
    yield made
    made.close()


def answer(client: Client, sql: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in client.query(expand(compose(sql), view(NOW))).result_rows]


def points(*at_s: int, series: str = "a") -> str:
    """Return SQL with a point of 1 at each of these times."""
    return " UNION ALL ".join(f"SELECT toDateTime({at}) AS time, '{series}' AS series, 1. AS power_w" for at in at_s)


def known(client: Client, sql: str, **shape: object) -> list[tuple[object, object]]:
    return [(int(row[0].timestamp()), row[-1]) for row in answer(client, lines(sql, ["power_w"], **shape))]


def test_a_line_ends_where_more_than_two_points_are_missing(client):
    """A row of null behind the last point; Grafana would draw across rows that are missing."""
    assert known(client, points(0, 10, 20, 60, 70), by_series=False, every_s="10") == [
        (0, 1.0), (10, 1.0), (20, 1.0), (30, None), (60, 1.0), (70, 1.0)
    ]  # fmt: skip


def test_two_points_that_are_missing_are_no_pause(client):
    assert known(client, points(0, 20, 30), by_series=False, every_s="10") == [(0, 1.0), (20, 1.0), (30, 1.0)]


def test_each_series_ends_by_itself(client):
    both = f"{points(0, 100)} UNION ALL {points(0, 10, 20, series='b')}"

    assert [(*row[1:],) for row in answer(client, lines(both, ["power_w"], by_series=True, every_s="10"))] == [
        ("a", 1.0), ("b", 1.0), ("a", None), ("b", 1.0), ("b", 1.0), ("a", 1.0)
    ]  # fmt: skip


def test_a_fleet_has_the_color_of_its_place_among_all_that_were_planned(client):
    """Whatever else is asked for, and whenever: a fleet that is planned later moves none."""
    north = {fleet: Group("north", fleet, "tpu", "tpu-v7", "model") for fleet in "abd"}
    budgets(client, {north[fleet]: (1e3, 1) for fleet in "bd"}, loaded_at=NOW - 9_000)
    asked = """
    SELECT toDateTime(0) AS time, @series AS series, 1. AS power_w
    FROM (SELECT 'north' AS site, arrayJoin(['b', 'd', 'a']) AS fleet, 'tpu' AS platform)
    """

    def colors():
        return {row[1].split(" / ")[1]: row[2] for row in answer(client, lines(asked, ["power_w"], by_series=True))}

    before = colors()
    budgets(client, dict.fromkeys(north.values(), (1000.0, 1)), loaded_at=NOW - 600)
    after = colors()

    assert (before["b"], before["d"]) == (after["b"], after["d"])
    assert len(set(after.values())) == 3
    assert set(after.values()) <= {f"{place:02}" for place in range(len(FLEET_COLORS))}


def test_a_table_without_rows_says_why(client):
    asked = "SELECT site, 1 AS watts, toDateTime(0) AS at FROM (SELECT arrayJoin(['a', 'b']) AS site) WHERE {}"

    nothing = {"columns": ["site", "watts", "at"], "nothing": quoted("there's none")}
    assert answer(client, rows(asked.format(0), **nothing)) == [("there's none", None, None)]
    assert [row[0] for row in answer(client, rows(f"{asked.format(1)} ORDER BY site DESC", **nothing))] == ["b", "a"]


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
    """What has values on both sides of it has a null within."""
    judged = []
    for name, sql in LINES:
        found = paused.query(expand(sql, view(NOW, 3_600, chip="")))
        numbers = [at for at, kind in enumerate(found.column_types) if "Float" in kind.name or "Int" in kind.name]
        told = [(row[0].timestamp(), any(row[at] is not None for at in numbers)) for row in found.result_rows]
        if any(known for at, known in told if at <= NOW - 2_400) and any(known for at, known in told if at > NOW - 600):
            judged.append(name)
            assert any(not known for at, known in told if NOW - 2_400 <= at < NOW - 600), name

    assert len(judged) >= 15, judged
