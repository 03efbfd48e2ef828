"""Which rules would fire now: the same rules, evaluated here as Grafana would, without a Grafana.

A rule that must hold for minutes cannot be judged by one look, so a `Preview` remembers its instances and is asked
again and again, by whoever shows it. It asks the store no more often than Grafana would.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, NamedTuple

from dashboards.evaluate import Frame, Instance, Instances, Labels, State, advance, failed, numbers, results
from dashboards.macros import View, expand
from dashboards.rule import RUNBOOKS, Column, Rule, load_rules
from dashboards.rule_text import filled

Query = Callable[[str], Frame]
"""Runs a statement; whatever it raises is the rule's error."""

FIRING: Final = (State.ALERTING, State.RECOVERING)
MOST: Final = 200
"""So many alerts are shown at once."""
_ORDER: Final = {"critical": 0, "warning": 1, "info": 2}


@dataclass(frozen=True)
class Alert:
    """One instance that is not normal. `value` is relative to its limit, `shown` in the rule's unit."""

    name: str
    title: str
    severity: str
    state: str
    firing: bool
    labels: dict[str, str]
    since_ms: int
    value: float | None
    shown: float | None
    unit: str
    summary: str
    runbook: str
    dashboard_uid: str
    panel_id: int
    runbook_path: str = ""
    """Of the board of runbooks, on the page as in a Grafana."""

    def as_json(self) -> dict[str, Any]:
        """Return plain values, named as the fields are."""
        return asdict(self)


class Measured(NamedTuple):
    """One instance of a rule, a normal one too: its value relative to the limit, and the figure shown with it."""

    rule: str
    labels: dict[str, str]
    value: float
    shown: float | None


class Preview:
    """The rules and the instances of each. Serves one caller at a time."""

    def __init__(self, query: Query, rules: Sequence[Rule] | None = None) -> None:
        self._query = query
        self._rules = load_rules() if rules is None else list(rules)
        self._instances: dict[str, Instances] = {}
        self._ticks: dict[str, int] = {}
        self._shown: dict[str, Mapping[Labels, float]] = {}
        self._values: dict[str, Mapping[Labels, float]] = {}

    def evaluate(self, now_ms: int, *, watched: bool = True) -> list[Alert]:
        """Evaluate what is due, as Grafana does at multiples of each group's interval, and return what is not normal.

        The worst come first. Time does not go back: an earlier `now_ms` evaluates nothing. While nobody watches, a rule
        is due as seldom as its group says.
        """
        for rule in self._rules:
            interval_ms = 1000 * (rule.group.interval_s if watched else rule.group.seldom_s)
            tick_ms = now_ms // interval_ms * interval_ms
            if tick_ms > self._ticks.get(rule.name, -1):
                self._ticks[rule.name] = tick_ms
                self._evaluate(rule, tick_ms)
        return sorted(self._alerts(), key=lambda alert: (not alert.firing, _ORDER[alert.severity], alert.since_ms))

    def instances(self, rule: Rule) -> Instances:
        """Return all instances of a rule, normal ones too."""
        return self._instances.get(rule.name, {})

    def measured(self) -> list[Measured]:
        """Return every instance that has a value; of one that keeps alerting without a row or an answer, its last."""
        return [
            Measured(rule.name, dict(labels), value, self._told(rule).get(labels))
            for rule in self._rules
            for labels, instance in self.instances(rule).items()
            if (value := self._value(rule, instance)) is not None
        ]

    def _value(self, rule: Rule, instance: Instance) -> float | None:
        if instance.value is None and instance.reason and instance.state in (State.PENDING, State.ALERTING):
            return self._values.get(rule.name, {}).get(instance.labels)
        return instance.value

    def _evaluate(self, rule: Rule, now_ms: int) -> None:
        before = self.instances(rule)
        shown: Mapping[Labels, float] = {}
        try:
            frame = self._frame(rule, now_ms)
            found, shown = results(rule, numbers(frame.without("shown")), before), numbers(frame.without("value"))
        except Exception as error:  # noqa: BLE001  as in Grafana, whatever goes wrong is a state of the rule
            found = failed(str(error))
        self._instances[rule.name] = advance(rule, before, found, now_ms)
        kept = {labels: number for labels, number in self._told(rule).items() if labels in self.instances(rule)}
        self._shown[rule.name] = {**kept, **shown}
        if values := {one.labels: one.value for one in found if one.value is not None}:
            self._values[rule.name] = values

    def _frame(self, rule: Rule, now_ms: int) -> Frame:
        if rule.none_unless and not self._query(_asked(rule.none_unless, now_ms)).rows:
            return Frame(("value", "shown"), ())
        return self._query(statement(rule, now_ms))

    def _alerts(self) -> Iterator[Alert]:
        for rule in self._rules:
            for labels, instance in self.instances(rule).items():
                if instance.state != State.NORMAL:
                    yield _alert(rule, instance, self._told(rule).get(labels))

    def _told(self, rule: Rule) -> Mapping[Labels, float]:
        """Return the figure that each instance showed last: one whose row is missing is kept for a while."""
        return self._shown.get(rule.name, {})


def worst_as_json(alerts: Sequence[Alert]) -> dict[str, Any]:
    """Return the worst alerts as plain values, and how many are left out: a flood of fleets is one of alerts."""
    return {"alerts": [alert.as_json() for alert in alerts[:MOST]], "alerts_left_out": max(len(alerts) - MOST, 0)}


def statement(rule: Rule, now_ms: int, columns: Sequence[Column] = ("value", "shown")) -> str:
    """Return the statement that reaches ClickHouse when the rule is evaluated at a moment."""
    return _asked(rule.query(*columns), now_ms)


def _asked(sql: str, now_ms: int) -> str:
    return expand(sql, View(now_ms, now_ms))


def _alert(rule: Rule, instance: Instance, shown: float | None) -> Alert:
    labels = dict(instance.labels)
    if instance.error:
        summary = f"cannot be evaluated: {instance.error.strip().splitlines()[0][:200]}"
    elif instance.value is None:
        of = " / ".join(labels[name] for name in ("site", "fleet", "platform") if name in labels)
        gone = "has no data" if instance.state == State.NO_DATA or not labels else "has no data any more"
        summary = f"{of} {gone}".strip()
    else:
        summary = filled(rule.summary, labels, rule.unit, shown, instance.value)
    return Alert(
        name=rule.name,
        title=rule.title,
        severity=rule.severity,
        state=str(instance.state),
        firing=instance.state in FIRING,
        labels=labels,
        since_ms=instance.since_ms,
        value=instance.value,
        shown=shown,
        unit=rule.unit,
        summary=summary,
        runbook=f"{RUNBOOKS}#{rule.anchor}",
        dashboard_uid=rule.panel.dashboard_uid,
        panel_id=rule.panel.panel_id,
        runbook_path=rule.runbook,
    )
