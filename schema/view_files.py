"""Views of meaning: the files of `schema/views`, one view each, made again whenever their text changes.

They stand beside the numbered migrations, which only ever change tables. What a view was made of is recorded with a
checksum, of its own text and of those of the views that it asks, so that nothing is done where nothing changed. The
order is found in the texts: a view is made after those that it names.

ClickHouse analyses a parameterised view twice, once for its columns: one that asks another one four times, and so on.
So what a file asks of another parameterised view is put in its place when the view is made.
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final

from clickhouse_connect.driver.client import Client

from schema.errors import GigawattError
from schema.fleet_limits import LIMITS

_CREATE: Final = re.compile(r"(?:--[^\n]*\n)*CREATE OR REPLACE VIEW (?P<name>[a-z0-9_]+) AS\n")
_WORD: Final = re.compile(r"\b[a-z][a-z0-9_]*\b")
_QUOTE: Final = "'"
_LITERAL: Final = re.compile(r"--[^\n]*|'(?:[^'\\]|\\.)*'")
_CALL: Final = re.compile(r"\bgigawatt\.(?P<name>[a-z0-9_]+)\(")
_PARAMETER: Final = re.compile(r"\{(?P<name>\w+):(?P<type>[^}]+)\}")
_RECORDS: Final = """
CREATE TABLE IF NOT EXISTS schema_views
(name String, checksum String, made_at DateTime64(3, 'UTC') DEFAULT now64(3))
ENGINE = ReplacingMergeTree(made_at) ORDER BY name
"""


class ViewError(GigawattError):
    """A file of a view cannot be used; the text names it."""


@dataclass(frozen=True)
class View:
    """One view: its name and the statement that makes it."""

    name: str
    sql: str

    @property
    def words(self) -> frozenset[str]:
        """What the statement names, apart from comments and texts: other views among it."""
        return frozenset(_WORD.findall(_LITERAL.sub("", self.sql))) - {self.name}


def load_views(folder: Traversable | None = None) -> list[View]:
    """Read the views, each after those that it asks. Raises `ViewError` on a strange file or views in a circle."""
    views = {limits_view().name: limits_view()}
    for file in sorted((folder or resources.files("schema") / "views").iterdir(), key=lambda file: file.name):
        if not file.name.endswith(".sql"):
            continue
        match = _CREATE.match(sql := file.read_text())
        if match is None or f"{match['name']}.sql" != file.name:
            wanted = file.name.removesuffix(".sql")
            raise ViewError(f"{file.name}: begin it with CREATE OR REPLACE VIEW {wanted} AS, after its comment")
        views[match["name"]] = View(match["name"], sql.strip().removesuffix(";"))
    asked = {name: view.words & views.keys() for name, view in views.items()}
    try:
        flat: dict[str, View] = {}
        for name in TopologicalSorter(asked).static_order():
            flat[name] = View(name, _flat(views[name].sql, flat))
        return list(flat.values())
    except CycleError as error:
        raise ViewError(f"views ask each other in a circle: {', '.join(error.args[1])}") from error


def _flat(sql: str, views: Mapping[str, View]) -> str:
    """Return a statement with the views that it calls in place of the calls."""
    for call in reversed(list(_CALL.finditer(sql))):
        if call["name"] not in views:
            raise ViewError(f"there is no view {call['name']} to ask: {call[0]}")
        end = _closing(sql, call.end())
        given = dict(one.split(" = ", 1) for one in _listed(sql[call.end() : end]))
        body = _CREATE.sub("", views[call["name"]].sql, count=1)
        sql = f"{sql[: call.start()]}(\n{_given(body, given)}\n){sql[end + 1 :]}"
    return sql


def _given(body: str, arguments: Mapping[str, str]) -> str:
    """Return a view's query with its arguments in place of its parameters."""
    return _PARAMETER.sub(lambda match: f"CAST({arguments[match['name']]}, {_quoted(match['type'])})", body)


def _closing(sql: str, begin: int) -> int:
    """Return where the bracket closes that is open at `begin`."""
    depth = 1
    for at in range(begin, len(sql)):
        depth += {"(": 1, ")": -1}.get(sql[at], 0)
        if depth == 0:
            return at
    raise ViewError(f"no closing bracket after {sql[begin - 40 : begin]}")


def _listed(arguments: str) -> list[str]:
    """Split arguments at commas that are in no bracket."""
    parts, depth = [""], 0
    for char in arguments:
        depth += {"(": 1, ")": -1}.get(char, 0)
        parts[-1] += char
        if char == "," and depth == 0:
            parts[-1] = parts[-1][:-1]
            parts.append("")
    return [" ".join(part.split()) for part in parts]


def _quoted(text: str) -> str:
    return _QUOTE + text.replace(_QUOTE, 2 * _QUOTE) + _QUOTE


def limits_view() -> View:
    """Return the view `limits`, made of `schema/fleet_limits.py`: each with its default, bounds and meaning."""
    rows = ",\n".join(
        f"    ('{name}', {one.default}, {one.low}, {one.high}, {_quoted(one.meaning)})" for name, one in LIMITS.items()
    )
    columns = "one.1 AS name, one.2 AS default_value, one.3 AS least, one.4 AS most, one.5 AS meaning"
    return View(
        "limits", f"CREATE OR REPLACE VIEW limits AS\nSELECT {columns}\nFROM (SELECT arrayJoin([\n{rows}]) AS one)"
    )


def checksums(views: Sequence[View]) -> dict[str, str]:
    """Return of each view what is recorded: it changes with its text, and with that of any view it asks."""
    done: dict[str, str] = {}
    for view in views:
        parts = [view.sql, *(done[name] for name in sorted(view.words & done.keys()))]
        done[view.name] = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    return done


def make_views(
    client: Client, views: Sequence[View], said: Callable[[str], None] = lambda _: None, *, anew: bool = False
) -> list[str]:
    """Make the views that are missing or whose text changed, or with `anew` all; return the names of those.

    Safe to run again, and safe to run from two places at once: each view takes the place of the one before it at once.
    """
    client.command(_RECORDS)
    made, wanted = recorded(client), checksums(views)
    todo = [name for name, checksum in wanted.items() if anew or made.get(name) != checksum]
    if todo:
        said(f"making {len(todo)} views")
    by_name = {view.name: view for view in views}
    for name in todo:
        client.command(by_name[name].sql)
        client.insert("schema_views", [[name, wanted[name]]], column_names=["name", "checksum"])
    return todo


def recorded(client: Client) -> Mapping[str, str]:
    """Return the checksums of the views that stand."""
    rows = client.query("SELECT name, argMax(checksum, made_at) FROM schema_views GROUP BY name").result_rows
    standing = {name for (name,) in client.query("SHOW TABLES").result_rows}
    return {name: checksum for name, checksum in rows if name in standing}
