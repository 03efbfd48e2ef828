"""The queries of the dashboards and rules that are checked in, each with what its panel or rule needs of the answer."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Final, NamedTuple

import yaml

from dashboards.page.boards import Board

SERIES: Final = 0
"""The plugin's format of time series; 1 is a table."""

_FIELD: Final = re.compile(r"\$\{__data\.fields(?:\.(\w+)|\[[\"']?([^\]\"']+)[\"']?\])")
_LABEL: Final = re.compile(r"\$\{__field\.labels\.(\w+)")
_MOST_POINTS: Final = 1_000
_EXPRESSION: Final = "__expr__"


class Reference(NamedTuple):
    """A column that something beside the query names; a label is a column of text."""

    column: str
    by: str
    is_label: bool = False


class Variable(NamedTuple):
    """A dashboard's variable. `sql` asks for its values, unless they are `values` or typed in."""

    name: str
    kind: str
    takes_all: bool
    takes_several: bool
    values: tuple[str, ...] = ()
    sql: str = ""


@dataclass(frozen=True)
class Asked:
    """One query. `what` names it for people, `kind` is its panel's type, or variable, annotation or rule.

    `points` is the most that its panel draws. A rule looks from `window_s[0]` to `window_s[1]` seconds ago, at points
    of `interval_ms`.
    """

    file: str
    what: str
    kind: str
    sql: str
    format: int
    board: str = ""
    variables: tuple[Variable, ...] = ()
    references: tuple[Reference, ...] = ()
    points: int = _MOST_POINTS
    interval_ms: int = 1_000
    window_s: tuple[int, int] | None = field(default=None)
    bars: bool = False


def checked_in(folder: Traversable | None = None) -> list[Asked]:
    """Return every query of `json/*.json` and `alerting/*.yaml` in a folder; without one, of those that are shipped."""
    root = files("dashboards") if folder is None else folder
    asked: list[Asked] = []
    for file in _files(root.joinpath("json"), ".json"):
        asked += of_board(f"json/{file.name}", Board(json.loads(file.read_text("utf-8"))))
    for file in _files(root.joinpath("alerting"), ".yaml"):
        asked += of_rules(f"alerting/{file.name}", yaml.safe_load(file.read_text("utf-8")))
    return asked


def of_board(file: str, board: Board) -> Iterator[Asked]:
    """Give the queries of a dashboard: of its variables, its annotations and its panels."""
    variables = tuple(_variable(board, name) for name in board.variables)
    for variable in variables:
        if variable.sql:
            yield Asked(file, f"variable {variable.name}", "variable", variable.sql, 1, board.uid, variables)
    for one in board.model.get("annotations", {}).get("list", ()):
        for statement in board.annotation_statements(one["name"]):
            what = f'annotation "{one["name"]}"'
            yield Asked(file, what, "annotation", statement.sql, statement.format, board.uid, variables)
    for id_, panel in board.panels.items():
        for statement in board.panel_statements(id_):
            yield Asked(
                file,
                f'panel {id_} "{panel.get("title", "")}"',
                str(panel["type"]),
                statement.sql,
                statement.format,
                board.uid,
                variables,
                tuple(_references(panel)),
                int(panel.get("maxDataPoints") or _MOST_POINTS),
                bars=_is_of_bars(panel),
            )


def of_rules(file: str, content: Any) -> Iterator[Asked]:
    """Give the queries of a provisioning file of rules; other files of alerting have none."""
    for group in (content or {}).get("groups", ()):
        for rule in group.get("rules", ()):
            for data in rule.get("data", ()):
                if data.get("datasourceUid") == _EXPRESSION:
                    continue
                model, window = data["model"], data.get("relativeTimeRange", {})
                yield Asked(
                    file,
                    f"rule {rule['uid']} {data['refId']}",
                    "rule",
                    str(model.get("rawSql", "")),
                    int(model.get("format", 1)),
                    interval_ms=int(model.get("intervalMs") or 1_000),
                    window_s=(int(window.get("from", 600)), int(window.get("to", 0))),
                )


def _files(folder: Traversable, ending: str) -> Sequence[Traversable]:
    found = [one for one in folder.iterdir() if one.name.endswith(ending)] if folder.is_dir() else []
    return sorted(found, key=lambda one: one.name)


def _variable(board: Board, name: str) -> Variable:
    model = board.variables[name]
    return Variable(
        name,
        str(model.get("type")),
        takes_all=bool(model.get("includeAll")),
        takes_several=bool(model.get("multi")),
        values=tuple(sorted(board.choices(name) or ())),
        sql="".join(one.sql for one in board.variable_statements(name)),
    )


def _is_of_bars(panel: Mapping[str, Any]) -> bool:
    custom = panel.get("fieldConfig", {}).get("defaults", {}).get("custom", {})
    return bool(custom.get("drawStyle") == "bars")


def _references(panel: Mapping[str, Any]) -> Iterator[Reference]:
    """Give the columns that a panel's settings name: overrides, links, labels and the order of a table."""
    config = panel.get("fieldConfig", {})
    yield from _in_texts(config.get("defaults", {}))
    columns: dict[str, str] = {}
    for override in config.get("overrides", ()):
        if override.get("matcher", {}).get("id") != "byName":
            continue
        column = str(override["matcher"]["options"])
        yield Reference(column, "an override")
        for one in override.get("properties", ()):
            if one["id"] == "displayName":
                columns[str(one["value"])] = column
            elif one["id"] == "custom.fillBelowTo":
                yield Reference(str(one["value"]), "a filled band")
            yield from _in_texts(one.get("value"))
    for one in (panel.get("options") or {}).get("sortBy") or ():
        shown = str(one["displayName"])
        yield Reference(columns.get(shown, shown), "the table's order")


def _in_texts(value: Any) -> Iterator[Reference]:
    for text in _texts(value):
        for match in _FIELD.finditer(text):
            yield Reference(match[1] or match[2], "a link")
        for match in _LABEL.finditer(text):
            yield Reference(match[1], "a name that is made of a label", is_label=True)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _texts(list(value.values()))
    elif isinstance(value, Iterable):
        for one in value:
            yield from _texts(one)
