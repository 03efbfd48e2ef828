"""The rules for Prometheus, out of the same rules as Grafana's.

They have no queries of their own: whoever serves `gigawatt_alert_value` (`gigawatt exporter`, and the page) evaluates a
rule's query in ClickHouse, and Prometheus compares its value with the rule's thresholds. An alert that is pending or
firing goes on until the value is below the lower one, as in Grafana: that it is so stands in Prometheus' own `ALERTS`.

Two exporters of one store show the same twice, so the highest value counts, by the rule's labels alone.
"""

from typing import Any, Final

from dashboards.rule import RUNBOOKS, Rule, by_group, duration, load_rules
from dashboards.rule_text import prometheus_template

PATH: Final = "prometheus/rules.yaml"
"""Not beside the files that Grafana reads: it takes every file there for its own."""
_VALUE: Final = "gigawatt_alert_value"


def prometheus_rules() -> dict[str, Any]:
    """Return what stands in a rules file of Prometheus 2.42 or newer, the first that keeps alerts firing."""
    return {
        "groups": [
            {
                "name": group.name,
                "interval": duration(group.interval_s),
                "rules": [_alert(rule) for rule in rules],
            }
            for group, rules in by_group(load_rules()).items()
        ]
    }


def alert_name(rule: Rule) -> str:
    """Return the alert's name, as Prometheus' are written: GigawattBudgetExceeded."""
    return "Gigawatt" + "".join(word.capitalize() for word in rule.name.split("_"))


def expression(rule: Rule) -> str:
    """Return the alert's condition."""
    labels = ", ".join(rule.labels)
    value = f'max by ({labels}) ({_VALUE}{{rule="{rule.name}"}})'
    alerting = f"{value} > {rule.fires_above:g}\nor\n{value} >= {rule.clears_below:g} and on ({labels}) "
    alerting += f'ALERTS{{alertname="{alert_name(rule)}"}}'
    if rule.no_data == "Alerting":
        alerting += f'\nor\nmax(absent({_VALUE}{{rule="{rule.name}"}}))'
    return alerting


def _alert(rule: Rule) -> dict[str, Any]:
    return {
        "alert": alert_name(rule),
        "expr": expression(rule),
        "for": duration(rule.for_s),
        **({"keep_firing_for": duration(rule.keep_firing_s)} if rule.keep_firing_s else {}),
        "labels": {"severity": rule.severity},
        "annotations": {
            "summary": prometheus_template(rule.summary, rule.name, rule.labels, rule.unit),
            "runbook_url": f"{RUNBOOKS}#{rule.anchor}",
        },
    }
