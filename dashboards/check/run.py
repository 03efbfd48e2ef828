"""Runs every query that is checked in on a live ClickHouse and says what is wrong with each."""

import math
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError

from dashboards.check import names, texts
from dashboards.check.answers import Answer, unfit
from dashboards.check.asked import Asked
from dashboards.check.complaint import Complaint, Problem
from dashboards.check.views import Case, cases, widest
from dashboards.macros import MacroError, expand
from schema.clickhouse import DATABASE
from schema.errors import GigawattError
from schema.published import PUBLISHED, RULE_VIEWS

GIVEN_UP_AFTER_S: Final = 120
"""Where so long is not enough, no Grafana would wait either, on any machine."""
_REASON: Final = re.compile(r"DB::Exception: (.*?)(?: \(version|\(for url|$)", re.DOTALL)
_LONGEST: Final = 300


@dataclass(frozen=True)
class Checked:
    """What came of it: the problems, how many statements ran, and the slowest of them."""

    problems: list[Problem]
    statements: int
    slowest_ms: float
    slowest: str


def check(
    asked: Sequence[Asked],
    client: Client,
    *,
    now_ms: int,
    slow_ms: float | None = None,
    said: Callable[[str], None] = lambda _: None,
    problem: Callable[[Problem], None] = lambda _: None,
) -> Checked:
    """Check all queries; `said` hears of each before it runs, `problem` of each problem at once.

    A query that takes longer than `slow_ms` is a problem; without it none is for the machine's slowness.

    Raises `GigawattError` when the database has no current schema.
    """
    _require_schema(client)
    run = _Run(client, slow_ms)
    known = known_values(asked, run.client, now_ms)
    problems: list[Problem] = []
    for number, one in enumerate(asked, 1):
        said(f"{number} of {len(asked)}: {one.file}, {one.what}")
        for found in run.problems(one, cases(one, known.get(one.board, {}), now_ms)):
            problems.append(found)
            problem(found)
    return Checked(problems, run.statements, *run.slowest)


def known_values(asked: Sequence[Asked], client: Client, now_ms: int) -> dict[str, dict[str, list[str]]]:
    """Return, for each dashboard, the first values of its variables; what cannot be asked has none."""
    known: dict[str, dict[str, list[str]]] = {}
    for one in asked:
        if one.kind != "variable":
            continue
        values = known.setdefault(one.board, {})
        view = widest(one, values, now_ms)
        try:
            rows = client.query(expand(one.sql, view), settings=_SETTINGS).result_rows[:3]
        except (MacroError, DatabaseError):
            continue  # it is a problem of its own, and told as such
        values[one.what.removeprefix("variable ")] = [str(row[-1]) for row in rows]
    return known


_SETTINGS: Final = {"max_execution_time": GIVEN_UP_AFTER_S}


class _Run:
    def __init__(self, client: Client, slow_ms: float | None) -> None:
        self.client = client
        self.statements = 0
        self.slowest = (0.0, "")
        self._slow_ms = math.inf if slow_ms is None else slow_ms
        self._found: dict[object, list[tuple[Complaint, str]]] = {}

    def problems(self, asked: Asked, looks: Sequence[Case]) -> list[Problem]:
        """Return the problems of one query, each once. What dashboards have in common runs for one of them."""
        same = (asked.sql, asked.kind, asked.format, asked.references, asked.points, asked.window_s)
        if same not in self._found:
            self._found[same] = list(self._complaints(asked, looks))
        return [Problem(asked.file, asked.what, complaint, case) for complaint, case in self._found[same]]

    def _complaints(self, asked: Asked, looks: Sequence[Case]) -> Iterator[tuple[Complaint, str]]:
        if not asked.sql.strip():
            yield Complaint("the query is empty", "write one, or remove the target"), ""
            return
        if asked.kind == "rule" and (unfit_for_rules := list(texts.unfit_for_rules(asked.sql))):
            yield from ((one, "") for one in unfit_for_rules)
            return
        told: set[Complaint] = set()
        slowest = (0.0, "")
        for name, view in looks:
            try:
                complaints, took_ms = self._look(asked, expand(asked.sql, view), first=not told and not slowest[1])
            except MacroError as error:
                yield Complaint(str(error), "correct the macro"), ""
                return
            except OperationalError:
                raise  # ClickHouse is away
            except DatabaseError as error:
                yield Complaint(f"ClickHouse rejects it: {_reason(error)}", "correct the query"), name
                return
            yield from ((one, name) for one in complaints if one not in told)
            told.update(complaints)
            slowest = max(slowest, (took_ms, name))
        took_ms, name = slowest
        self.slowest = max(self.slowest, (took_ms, f"{asked.file}, {asked.what}"))
        if took_ms > self._slow_ms:
            yield Complaint(f"it took {took_ms:,.0f} ms", "read fewer rows, or fewer columns of them"), name

    def _look(self, asked: Asked, sql: str, *, first: bool) -> tuple[list[Complaint], float]:
        """Return what is wrong with an expanded query, and the milliseconds that it took."""
        if left := list(texts.left_over(sql)):
            return left, 0.0
        complaints: list[Complaint] = []
        if first:  # and before it runs: nothing but a SELECT can be explained so
            tree = self.client.query(f"EXPLAIN QUERY TREE {sql}", settings=_SETTINGS).result_rows
            complaints += names.unpublished(names.used(line for (line,) in tree))
        answer, took_ms = self._answer(sql)
        if took_ms > self._slow_ms:
            answer, again_ms = self._answer(sql)  # the first time may have read from disk
            took_ms = min(took_ms, again_ms)
        return [*complaints, *unfit(asked, answer)], took_ms

    def _answer(self, sql: str) -> tuple[Answer, float]:
        began = time.perf_counter()
        result = self.client.query(sql, settings=_SETTINGS)
        took_ms = (time.perf_counter() - began) * 1000
        self.statements += 1
        columns = zip(result.column_names, (one.name for one in result.column_types), strict=True)
        return Answer(list(columns), result.result_rows), took_ms


def _require_schema(client: Client) -> None:
    found = client.query(
        "SELECT name FROM system.tables WHERE database = {name:String}", parameters={"name": DATABASE}
    ).result_rows
    if missing := sorted({*PUBLISHED, *RULE_VIEWS} - {name for (name,) in found}):
        raise GigawattError(f"the database has no {', '.join(missing)}; run `gigawatt migrate` first")


def _reason(error: DatabaseError) -> str:
    match = _REASON.search(str(error))
    return " ".join((match[1] if match else str(error)).split())[:_LONGEST]
