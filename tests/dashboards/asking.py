"""Panels of the checked-in dashboards, asked as Grafana asks them."""

import json
from collections.abc import Mapping
from typing import Any

from clickhouse_connect.driver.client import Client

from dashboards.board import Board
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


def ask(client: Client, board: Mapping[str, Any], panel: str, of: View) -> list[dict[str, Any]]:
    """Return the rows of a panel, as dictionaries; times are epoch seconds."""
    rows = list(client.query(expand(query(board, panel), of)).named_results())
    return [{name: int(value.timestamp()) if name == "time" else value for name, value in row.items()} for row in rows]
