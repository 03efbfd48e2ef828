"""What the page's client may ask: names of what is checked in, and values. Never SQL."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from dashboards.macros import ALL, MacroError, Value, View, expand, interval_ms
from dashboards.page.boards import Board, Statement

_MOST_MS: Final = 400 * 86_400_000
_LATEST_MS: Final = 4_000_000_000_000
_MOST_POINTS: Final = 4_000
_MOST_VALUES: Final = 1_000
_LONGEST_VALUE: Final = 256
_UNITS_MS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_QUOTED: Final = re.compile(r"\$\{\w+:(?:singlequote|sqlstring)\}|\$__conditionalAll\(|,\s*\$\w+\s*\)")
_USE: Final = re.compile(r"\$\{(\w+)(?::\w+)?\}|\$(\w+)")
_PLAIN: Final = re.compile(r"[\w.:/-]*", re.ASCII)


class AskError(ValueError):
    """What was asked cannot be; the text says why."""


@dataclass(frozen=True)
class Prepared:
    """A statement that is ready to run, or the reason why it cannot."""

    ref_id: str
    format: int
    sql: str
    error: str = ""


@dataclass(frozen=True)
class Ask:
    """One request: the statements of a panel, a variable or an annotation, over a time range."""

    statements: list[Statement]
    view: View

    def prepared(self) -> list[Prepared]:
        """Return the statements with macros and variables filled in."""
        return [_prepared(one, self.view) for one in self.statements]


def parse(body: Any, boards: Mapping[str, Board]) -> Ask:
    """Read a request: `board`, one of `panel`, `variable` and `annotation`, `from` and `to` in epoch milliseconds,
    `points` that can be drawn, and `variables` by name. Raises `AskError`.
    """  # noqa: D205  one sentence that is longer than a line
    if not isinstance(body, dict):
        raise AskError("a request must be a JSON object")
    name = body.get("board")
    board = boards.get(name) if isinstance(name, str) else None
    if board is None:
        raise AskError(f"unknown dashboard {str(name)[:80]!r}")
    statements, least_ms, most_points = _statements(board, body)
    from_ms, to_ms = _whole(body, "from"), _whole(body, "to")
    if not 0 <= from_ms < to_ms <= _LATEST_MS or to_ms - from_ms > _MOST_MS:
        raise AskError("the time range ends before it begins, or is longer than 400 days")
    points = min(max(_whole(body, "points", 600), 1), most_points)
    variables = _variables(board, body.get("variables", {}), statements)
    return Ask(statements, View(from_ms, to_ms, interval_ms(to_ms - from_ms, points, least_ms), variables))


def _statements(board: Board, body: Mapping[str, Any]) -> tuple[list[Statement], int, int]:
    """Return the statements, the shortest interval in milliseconds and the most points."""
    try:
        if "panel" in body:
            panel = board.panels[body["panel"]]
            least_ms = _duration_ms(str(panel.get("interval") or "1s"))
            most = int(panel.get("maxDataPoints") or _MOST_POINTS)
            return board.panel_statements(body["panel"]), least_ms, min(most, _MOST_POINTS)
        if "variable" in body:
            return board.variable_statements(body["variable"]), 1_000, _MOST_POINTS
        return board.annotation_statements(body["annotation"]), 1_000, _MOST_POINTS
    except (KeyError, TypeError):  # a name may be of any JSON type
        raise AskError(f"unknown panel, variable or annotation in {board.uid}") from None


def _whole(body: Mapping[str, Any], name: str, default: int | None = None) -> int:
    value = body.get(name, default)
    if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) < 1e15:  # noqa: PLR2004
        raise AskError(f"{name} must be a number")
    return int(value)


def _duration_ms(text: str) -> int:
    match = re.fullmatch(r">?(\d+)(ms|s|m|h|d)", text)
    return int(match[1]) * _UNITS_MS[match[2]] if match else 1_000


def _variables(board: Board, given: Any, statements: list[Statement]) -> dict[str, Value]:
    if not isinstance(given, dict):
        raise AskError("variables must be an object by name")
    unquoted = {name for one in statements for name in _unquoted(one.sql)}
    return {
        name: _value(name, value, choices=board.choices(name), plain=name in unquoted)
        for name, value in given.items()
        if name in board.variables  # those of the dashboard that the link came from mean nothing here
    }


def _unquoted(sql: str) -> set[str]:
    """Return the variables that a statement takes as they are, as a number or a name, and not as quoted text."""
    return {match[1] or match[2] for match in _USE.finditer(_QUOTED.sub(" ", sql))}


def _value(name: str, value: Any, *, choices: frozenset[str] | None, plain: bool) -> Value:
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str) for one in values) or len(values) > _MOST_VALUES:
        raise AskError(f"variable {name} must be a string, or a list of up to {_MOST_VALUES} texts")
    for one in values:
        if len(one) > _LONGEST_VALUE:
            raise AskError(f"variable {name} has a value longer than {_LONGEST_VALUE} characters")
        if one == ALL:
            continue
        if choices is not None and one not in choices:
            raise AskError(f"variable {name} cannot be {one!r}")
        if choices is None and ("$" in one or "\0" in one or (plain and not _PLAIN.fullmatch(one))):
            raise AskError(f"variable {name} has a value with a character that is not allowed: {one!r}")
    # Grafana's `singlequote` escapes quotes alone; a backslash before one would undo that.
    escaped = [one.replace("\\", "\\\\") for one in values]
    return escaped if isinstance(value, list) else escaped[0]


def _prepared(statement: Statement, view: View) -> Prepared:
    try:
        return Prepared(statement.ref_id, statement.format, expand(statement.sql, view))
    except MacroError as error:
        return Prepared(statement.ref_id, statement.format, statement.sql, error=str(error))
