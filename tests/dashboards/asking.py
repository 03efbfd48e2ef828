"""Panels of the checked-in dashboards, asked as Grafana asks them."""

import json
from collections.abc import Mapping
from typing import Any

from clickhouse_connect.driver.client import Client

from dashboards.board import Board
from dashboards.fields import FLEET_PATH
from dashboards.macros import ALL, View, expand, interval_ms
from dashboards.panels import MAX_POINTS
from dashboards.sdk import JSONEncoder

VARIABLES = dict.fromkeys(("site", "fleet", "platform", "model"), ALL)


def as_json(board: Board) -> dict[str, Any]:
    """Return the board as Grafana reads it."""
    return json.loads(json.dumps(board, cls=JSONEncoder))


def view(until_s: int, range_s: int = 900, **variables: str | list[str]) -> View:
    """Return what a dashboard shows that ends at `until_s`."""
    return View(
        (until_s - range_s) * 1000, until_s * 1000, interval_ms(range_s * 1000, MAX_POINTS), {**VARIABLES, **variables}
    )


def query(board: Mapping[str, Any], panel: str) -> str:
    """Return the query of the panel of that title."""
    found = [one["targets"][0]["rawSql"] for one in board["panels"] if one["title"] == panel and one.get("targets")]
    assert len(found) == 1, panel
    return found[0]


def words(client: Client, board: Mapping[str, Any], panel: str, of: View) -> str:
    """Return what a table without rows says."""
    ((first, *others),) = client.query(expand(query(board, panel), of)).result_rows
    assert set(others) <= {None, ""}
    return str(first)


def ask(client: Client, board: Mapping[str, Any], panel: str, of: View) -> list[dict[str, Any]]:
    """Return the rows of a panel, as dictionaries; times are epoch seconds.

    Left out is what is there for Grafana alone: the words of an empty table, names of fleets in one, colors.
    """
    sql = query(board, panel)
    rows = list(client.query(expand(sql, of)).named_results())
    if "INTERPOLATE" in sql and all(value in (None, "") for row in rows for value in list(row.values())[1:]):
        rows = []
    hidden = {"color", FLEET_PATH}
    rows = [{name: value for name, value in row.items() if name not in hidden} for row in rows]
    return [{name: int(value.timestamp()) if name == "time" else value for name, value in row.items()} for row in rows]
