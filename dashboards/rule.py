"""An alerting rule, and its two forms: in a file that provisions Grafana, and in Grafana's HTTP API.

Each file of `dashboards/rules` has one rule, `RULE`; what it looks at is the view `rule_NAME` in `schema/views`. The
view has a row for whatever may alert, with the labels, the number that is compared (`value`) and the figures behind it,
one of which the text shows (`shown`, in `unit`). A value is relative to the limit of its fleet: 1 is at the limit, so
that one threshold does for all fleets. `value` is query A, the figure is query B, and the threshold C looks at A alone.

Rows are there while all is well, too: no row means that nothing is known, which Grafana takes apart from "normal". A
view answers for the instant `at` and never looks at the clock, so that a past moment can be asked again.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from dashboards import rules
from dashboards.names import DATA_SOURCE_TYPE, DATA_SOURCE_UID, FOLDER_UID, RUNBOOKS_UID
from dashboards.rule_text import Unit, template

RUNBOOKS: Final = "docs/runbooks.md"
"""Where the runbooks are; a rule's heading there is its name with hyphens."""
ORGANIZATION: Final = 1

Severity = Literal["critical", "warning", "info"]
"""critical wakes somebody up; warning is for the working day; info is for whoever looks."""
NoData = Literal["NoData", "Alerting", "OK", "KeepLast"]
OnError = Literal["Error", "Alerting", "OK", "KeepLast"]
Column = Literal["value", "shown"]
FLEET: Final = ("site", "fleet", "platform")
_LOOKS_BACK: Final = {"from": 600, "to": 0}
"""Seconds before an evaluation. Views know themselves how far they look back; Grafana wants a range of every query."""


class Group(NamedTuple):
    """Rules that Grafana evaluates one after the other, every `interval_s` (a multiple of ten seconds).

    The preview evaluates them every `seldom_s` while nobody watches it.
    """

    name: str
    interval_s: int
    seldom_s: int


class Panel(NamedTuple):
    """A panel, by the uid of its dashboard and its id there."""

    dashboard_uid: str
    panel_id: int


FAST: Final = Group("Gigawatt: changes", 10, 40)  # of the minute that they look at, the first 14 s show no change
STEADY: Final = Group("Gigawatt: levels", 30, 120)
SLOW: Final = Group("Gigawatt: trust and waste", 60, 120)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule. It alerts while `value` is above 1, and until it is below `clears_below`; times are seconds.

    `summary` may name labels, `{shown}` and `{value}` (a percentage) in braces.
    """

    name: str
    title: str
    severity: Severity
    group: Group
    summary: str
    shown: str
    """The column of the view that the text shows, in `unit`."""
    unit: Unit
    panel: Panel
    """The panel that shows what it looks at: where its alerts are marked, and where its link leads."""
    runbook_panel: int
    """The panel of its runbook on the board of them: the next free number for a new rule, and never another."""
    labels: tuple[str, ...] = FLEET
    fires_above: float = 1.0
    clears_below: float = 0.95
    for_s: int
    keep_firing_s: int = 0
    no_data: NoData
    on_error: OnError
    none_unless: str = ""
    """A query that is far cheaper: where it has no row, the view has none, and need not be asked."""

    @property
    def uid(self) -> str:
        """Grafana's name of it, at most 40 characters."""
        return f"gigawatt-{self.anchor}"

    @property
    def anchor(self) -> str:
        """Its heading in the runbooks."""
        return self.name.replace("_", "-")

    @property
    def runbook(self) -> str:
        """The path of its runbook, in Grafana and on the page."""
        return f"/d/{RUNBOOKS_UID}?viewPanel={self.runbook_panel}"

    @property
    def view(self) -> str:
        """The view of its rows at an instant."""
        return f"rule_{self.name}"

    def query(self, *columns: Column) -> str:
        """Return a query of its numbers: labels are text, as Grafana wants it of a table, and all else is not."""
        named = {"value": "value", "shown": f"{self.shown} AS shown"}
        chosen = [*(f"CAST({label}, 'String') AS {label}" for label in self.labels), *(named[one] for one in columns)]
        return f"SELECT {', '.join(chosen)}\nFROM {self.view}(at = $__toTime)\n"

    def file_form(self) -> dict[str, Any]:
        """Return what stands in a provisioning file's group."""
        return {
            **self._common(),
            "keepFiringFor": duration(self.keep_firing_s),
            "dashboardUid": self.panel.dashboard_uid,
            "panelId": self.panel.panel_id,
        }

    def api_form(self, folder_uid: str = FOLDER_UID) -> dict[str, Any]:
        """Return the body of `POST /api/v1/provisioning/alert-rules`, for a rule in that folder."""
        return {
            **self._common(),
            "orgID": ORGANIZATION,
            "folderUID": folder_uid,
            "ruleGroup": self.group.name,
            "keep_firing_for": duration(self.keep_firing_s),
            "isPaused": False,
        }

    def _common(self) -> dict[str, Any]:
        return {
            "uid": self.uid,
            "title": self.title,
            "condition": "C",
            "data": [self._asked("A", "value"), self._asked("B", "shown"), self._threshold()],
            "for": duration(self.for_s),
            "noDataState": self.no_data,
            "execErrState": self.on_error,
            "labels": {"severity": self.severity},
            "annotations": {
                "summary": template(self.summary, self.title, self.labels, self.unit),
                # Grafana's own address, with its slash: a file cannot know it, and annotations take no variables.
                "runbook_url": f"{{{{ externalURL }}}}{self.runbook.removeprefix('/')}",
                # By these notifications and the rule's page have a link; the keys of a file alone do not make one.
                "__dashboardUid__": self.panel.dashboard_uid,
                "__panelId__": str(self.panel.panel_id),
            },
        }

    def _asked(self, ref: str, column: Column) -> dict[str, Any]:
        return {
            "refId": ref,
            "relativeTimeRange": _LOOKS_BACK,
            "datasourceUid": DATA_SOURCE_UID,
            "model": {
                "refId": ref,
                "datasource": {"type": DATA_SOURCE_TYPE, "uid": DATA_SOURCE_UID},
                "editorType": "sql",
                "queryType": "table",
                "format": 1,
                "intervalMs": 1_000,
                "maxDataPoints": 43_200,
                "rawSql": self.query(column),
            },
        }

    def _threshold(self) -> dict[str, Any]:
        return {
            "refId": "C",
            "relativeTimeRange": _LOOKS_BACK,
            "datasourceUid": "__expr__",
            "model": {
                "refId": "C",
                "type": "threshold",
                "expression": "A",
                "datasource": {"type": "__expr__", "uid": "__expr__"},
                "conditions": [
                    {
                        "evaluator": {"type": "gt", "params": [self.fires_above]},
                        "unloadEvaluator": {"type": "lt", "params": [self.clears_below]},
                    }
                ],
            },
        }


def duration(seconds: int) -> str:
    """Write a duration as Grafana does: 90s, 2m."""
    return f"{seconds // 60}m" if seconds and seconds % 60 == 0 else f"{seconds}s"


def load_rules() -> list[Rule]:
    """Return all rules, by group and name. Raises `ValueError` where a file holds a rule of another name."""
    found = []
    for module in pkgutil.iter_modules(rules.__path__):
        rule: Rule = importlib.import_module(f"{rules.__name__}.{module.name}").RULE
        if rule.name != module.name:
            raise ValueError(f"dashboards/rules/{module.name}.py has a rule named {rule.name!r}")
        found.append(rule)
    return sorted(found, key=lambda rule: (rule.group.interval_s, rule.name))


def by_group(found: list[Rule]) -> Mapping[Group, list[Rule]]:
    """Return rules by their group, in order."""
    groups: dict[Group, list[Rule]] = {}
    for rule in found:
        groups.setdefault(rule.group, []).append(rule)
    return groups
