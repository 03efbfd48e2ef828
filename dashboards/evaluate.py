"""What Grafana makes of a rule's rows: which instances are pending, firing, recovering, without data or in error.

A pure copy of as much of Grafana's semantics as the rules use: rows in, states out, and no clock. Read in Grafana 12
(`pkg/expr/{converter,threshold,hysteresis}.go`, `pkg/services/ngalert/{eval/eval,state/state,state/manager}.go`,
`pkg/services/ngalert/schedule/loaded_metrics_reader.go`). What it comes to:

- A table with one column of numbers is a number for each row, named by the row's text. No row is "no data".
- An instance that is pending or alerting, and not for want of data or by an error, alerts until the recovery threshold;
  all others, recovering ones too, from the first threshold on. An instance that is back from a state that it only kept
  must therefore pass the first threshold again.
- Pending becomes alerting once `for` has gone by since it became pending. Alerting becomes recovering where the rule
  keeps firing; from there it is normal after that time, or at once alerting again.
- An instance whose row is missing keeps its state, and is gone after two intervals; where it has no data or an error,
  after one.
- No row at all, or an error, changes all instances at once: to pending and alerting, to normal, or not at all, as the
  rule says; else (`NoData`, `Error`) it is an instance of its own, and the others are missing.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final, NamedTuple

from dashboards.rule import Rule

MISSING_EVALUATIONS: Final = 2
"""Evaluations without its row after which an instance is gone: Grafana's default."""

Labels = tuple[tuple[str, str], ...]


class State(StrEnum):
    """Of an instance; the names are Grafana's."""

    NORMAL = "Normal"
    PENDING = "Pending"
    ALERTING = "Alerting"
    RECOVERING = "Recovering"
    NO_DATA = "NoData"
    ERROR = "Error"


class Frame(NamedTuple):
    """What a query returned."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]

    def without(self, column: str) -> "Frame":
        """Return it without a column. Raises `ValueError` where it has no such."""
        at = list(self.columns).index(column)
        return Frame([*self.columns[:at], *self.columns[at + 1 :]], [[*row[:at], *row[at + 1 :]] for row in self.rows])


class FrameError(ValueError):
    """Grafana would not take this table as numbers; the text says why."""


class Result(NamedTuple):
    """What one evaluation says of one instance, before its history counts."""

    labels: Labels
    state: State
    value: float | None = None
    error: str = ""


@dataclass(frozen=True)
class Instance:
    """One alert of a rule. Times are epoch milliseconds; `reason` says why a state is kept that was not seen."""

    labels: Labels
    state: State
    since_ms: int
    evaluated_ms: int
    value: float | None = None
    reason: str = ""
    error: str = ""


Instances = Mapping[Labels, Instance]


def numbers(frame: Frame) -> dict[Labels, float]:
    """Return the number of each row by its labels, which are sorted. Null counts as NaN, which passes no threshold.

    Raises `FrameError` for what Grafana refuses: a table without rows is none of that.
    """
    found: dict[Labels, float] = {}
    for row in frame.rows:
        cells = dict(zip(frame.columns, row, strict=True))
        texts = {name: cell for name, cell in cells.items() if isinstance(cell, str)}
        rest = {name: cell for name, cell in cells.items() if name not in texts}
        if len(rest) != 1 or not all(cell is None or _is_number(cell) for cell in rest.values()):
            raise FrameError(f"needs text and one number, has {', '.join(rest) or 'no number'}")
        labels = tuple(sorted(texts.items()))
        if labels in found:
            raise FrameError(f"has two rows of {dict(labels)}")
        (cell,) = rest.values()
        found[labels] = math.nan if cell is None else float(cell)
    return found


def _is_number(cell: Any) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def results(rule: Rule, values: Mapping[Labels, float], before: Instances) -> list[Result]:
    """Compare the numbers of an evaluation, given the instances before it."""
    if not values:
        return [Result((), State.NO_DATA)]
    loaded = {
        labels
        for labels, instance in before.items()
        if instance.state in (State.PENDING, State.ALERTING) and not instance.reason
    }
    return [
        Result(labels, State.ALERTING if _fires(rule, value, loaded=labels in loaded) else State.NORMAL, value)
        for labels, value in values.items()
    ]


def _fires(rule: Rule, value: float, *, loaded: bool) -> bool:
    return not value < rule.clears_below if loaded else value > rule.fires_above


def failed(error: str) -> list[Result]:
    """Return the results of an evaluation that failed."""
    return [Result((), State.ERROR, error=error)]


def advance(rule: Rule, before: Instances, found: Sequence[Result], now_ms: int) -> dict[Labels, Instance]:
    """Return the instances after an evaluation."""
    after = dict(before)
    for result in _spread(rule, before, found):
        old = before.get(result.labels) or Instance(result.labels, State.NORMAL, now_ms, now_ms)
        after[result.labels] = _transition(rule, old, result, now_ms)
    return {labels: instance for labels, instance in after.items() if not _is_stale(rule, instance, now_ms)}


def _spread(rule: Rule, before: Instances, found: Sequence[Result]) -> Iterable[Result]:
    """Tell all instances of a lack of data or an error that is not an instance of its own."""
    kinds = {result.state for result in found}
    for_all = (kinds == {State.NO_DATA} and rule.no_data != "NoData") or (
        kinds == {State.ERROR} and rule.on_error != "Error"
    )
    return [found[0]._replace(labels=labels) for labels in before] if for_all and before else found


def _transition(rule: Rule, old: Instance, result: Result, now_ms: int) -> Instance:
    match result.state:
        case State.NO_DATA:
            as_what: str = rule.no_data
        case State.ERROR:
            as_what = rule.on_error
        case _:
            as_what = result.state
    if as_what == "KeepLast":
        as_what = {State.ALERTING: "Alerting", State.PENDING: "Pending"}.get(old.state, "Normal")
    state = _next_state(rule, old, as_what, now_ms)
    unseen = result.state in (State.NO_DATA, State.ERROR) and state != result.state
    return replace(
        old,
        state=state,
        since_ms=old.since_ms if state == old.state else now_ms,
        evaluated_ms=now_ms,
        value=result.value,
        reason=str(result.state) if unseen else "",
        error=result.error,
    )


def _next_state(rule: Rule, old: Instance, as_what: str, now_ms: int) -> State:
    age_s = (now_ms - old.since_ms) / 1000
    match as_what, old.state:
        case (("NoData" | "Error"), _):
            after = State(as_what)
        case "Alerting", State.ALERTING | State.RECOVERING:
            after = State.ALERTING
        case (("Alerting" | "Pending"), State.PENDING):
            after = State.ALERTING if age_s >= rule.for_s else State.PENDING
        case "Alerting", _:
            after = State.PENDING if rule.for_s else State.ALERTING
        case _, State.ALERTING:
            after = State.RECOVERING if rule.keep_firing_s else State.NORMAL
        case _, State.RECOVERING:
            after = State.RECOVERING if age_s < rule.keep_firing_s else State.NORMAL
        case _:
            after = State.NORMAL
    return after


def _is_stale(rule: Rule, instance: Instance, now_ms: int) -> bool:
    evaluations = 1 if instance.state in (State.NO_DATA, State.ERROR) else MISSING_EVALUATIONS
    missing_ms = now_ms - instance.evaluated_ms
    return missing_ms > 0 and missing_ms >= evaluations * rule.group.interval_s * 1000
