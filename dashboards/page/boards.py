"""The dashboards that are checked in, as the page needs them: their JSON, and the statements in it by what asks."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Final

LANDING_UID: Final = "gigawatt-fleet-power"
"""What is shown first: megawatts, against which budget, how sure."""

_FIXED: Final = frozenset({"custom", "interval", "constant", "datasource"})
"""Kinds of variables whose values are in the dashboard; any other's come from a query or from whoever looks."""


@dataclass(frozen=True)
class Statement:
    """SQL as it is checked in, before macros. `format` 0 is time series and 1 a table, as in Grafana's plugin."""

    ref_id: str
    sql: str
    format: int


@dataclass(frozen=True)
class Board:
    """One dashboard, of Grafana's schema v1."""

    model: Mapping[str, Any]

    @property
    def uid(self) -> str:
        """Its name in addresses."""
        return str(self.model["uid"])

    @property
    def title(self) -> str:
        """What it is called."""
        return str(self.model.get("title", self.uid))

    def as_entry(self) -> dict[str, Any]:
        """Return what a list of dashboards shows of it."""
        return {"uid": self.uid, "title": self.title, "description": self.model.get("description", "")}

    @cached_property
    def panels(self) -> Mapping[int, Mapping[str, Any]]:
        """All panels by id, those inside of collapsed rows as well."""
        return {int(panel["id"]): panel for panel in _flat(self.model.get("panels", ())) if "id" in panel}

    @cached_property
    def variables(self) -> Mapping[str, Mapping[str, Any]]:
        """All variables by name."""
        return {str(one["name"]): one for one in self.model.get("templating", {}).get("list", ())}

    def choices(self, name: str) -> frozenset[str] | None:
        """Return the values that a variable may have, or None where they are not in the dashboard itself."""
        variable = self.variables[name]
        if variable.get("type") not in _FIXED:
            return None
        current = _texts(variable.get("current", {}).get("value"))
        return frozenset([*current, *(str(option["value"]) for option in variable.get("options", ()))])

    def panel_statements(self, panel_id: int) -> list[Statement]:
        """Return what a panel asks, in order; empty for one that asks nothing. Raises `KeyError`."""
        targets = self.panels[panel_id].get("targets", ())
        return [
            _statement(one, f"q{at}") for at, one in enumerate(targets) if one.get("rawSql") and not one.get("hide")
        ]

    def variable_statements(self, name: str) -> list[Statement]:
        """Return what asks for a variable's values. Raises `KeyError`."""
        query = self.variables[name].get("query", "")
        sql = query.get("rawSql") if isinstance(query, Mapping) else query
        return [Statement(name, str(sql), 1)] if sql and self.variables[name].get("type") == "query" else []

    def annotation_statements(self, name: str) -> list[Statement]:
        """Return what asks for annotations of this name. Raises `KeyError`."""
        for one in self.model.get("annotations", {}).get("list", ()):
            if one.get("name") == name:
                target = one.get("target") or {}
                sql = target.get("rawSql") or one.get("rawQuery") or ""
                return [Statement(name, str(sql), 1)] if sql else []
        raise KeyError(name)


def load(folder: Traversable | None = None) -> dict[str, Board]:
    """Read the dashboards of a folder by uid, the landing one first; without a folder, those that are checked in."""
    where = files("dashboards").joinpath("json") if folder is None else folder
    texts = [one.read_text("utf-8") for one in where.iterdir() if one.name.endswith(".json")] if where.is_dir() else []
    boards = [Board(json.loads(text)) for text in texts]
    return {board.uid: board for board in sorted(boards, key=lambda one: (one.uid != LANDING_UID, one.title))}


def _flat(panels: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for panel in panels:
        yield panel
        yield from _flat(panel.get("panels", ()))


def _statement(target: Mapping[str, Any], ref_id: str) -> Statement:
    return Statement(str(target.get("refId", ref_id)), str(target["rawSql"]), int(target.get("format", 1)))


def _texts(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else [] if value is None else [str(value)]
