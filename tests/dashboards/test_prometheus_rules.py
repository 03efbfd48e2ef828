"""The rules for Prometheus are Grafana's: what Prometheus itself makes of them, where promtool is there."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from dashboards.generate import FOLDER
from dashboards.metrics.alerts import LABELS
from dashboards.prometheus_rules import PATH, alert_name
from dashboards.rule import duration, load_rules
from dashboards.rule_text import filled

RULES = FOLDER / PATH
BY_NAME = {rule.name: rule for rule in load_rules()}
PROMTOOL = os.environ.get("GIGAWATT_PROMTOOL") or shutil.which("promtool")
needs_promtool = pytest.mark.skipif(not PROMTOOL, reason="there is no promtool here")


def alerts():
    return {
        alert["alert"]: alert
        for group in yaml.safe_load(RULES.read_text("utf-8"))["groups"]
        for alert in group["rules"]
    }


def promtool(*arguments: str) -> str:
    done = subprocess.run([PROMTOOL, *arguments], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("rule", BY_NAME.values(), ids=lambda rule: rule.name)
def test_each_rule_is_there_with_its_times_severity_and_runbook(rule):
    alert = alerts()[alert_name(rule)]

    assert alert["for"] == duration(rule.for_s)
    assert alert.get("keep_firing_for", "0s") == duration(rule.keep_firing_s)
    assert alert["labels"] == {"severity": rule.severity}
    assert alert["annotations"]["runbook_url"] == f"docs/runbooks.md#{rule.anchor}"
    assert set(re.findall(r'rule="(\w+)"', alert["expr"])) == {rule.name}
    assert set(rule.labels) <= set(LABELS)


def test_there_is_no_other():
    assert len(alerts()) == len(BY_NAME)


@needs_promtool
def test_promtool_takes_the_file():
    assert f"SUCCESS: {len(BY_NAME)} rules found" in promtool("check", "rules", str(RULES))


@needs_promtool
@pytest.mark.parametrize("rule", BY_NAME.values(), ids=lambda rule: rule.name)
def test_prometheus_fires_holds_and_ends_each_rule_as_it_says(rule, tmp_path):
    """Above the threshold for its time it fires; between both thresholds it goes on; below it ends, once kept."""
    labels = "".join(f', {label}="a \\"{label}\\""' for label in rule.labels)
    lowest = min(rule.fires_above, rule.clears_below)
    above, between, below = rule.fires_above + 0.5, (rule.fires_above + rule.clears_below) / 2, lowest - 0.5
    held = [above] * 61 if rule.clears_below > rule.fires_above else [above] * 30 + [between] * 31
    series = {
        f'gigawatt_alert_value{{rule="{rule.name}", instance="{instance}"{labels}}}': [*held, *[below] * 120]
        for instance in ("one", "other")
    }
    series[f'gigawatt_alert_shown{{rule="{rule.name}"{labels}}}'] = [1234.0] * 181
    named = {"severity": rule.severity, **{label: f'a "{label}"' for label in rule.labels}}
    fired = {"exp_labels": named, "exp_annotations": annotations(rule, held[-1])}
    written(
        tmp_path / "test.yaml",
        series,
        [
            {"eval_time": "60m", "alertname": alert_name(rule), "exp_alerts": [fired]},
            {"eval_time": "150m", "alertname": alert_name(rule), "exp_alerts": []},
        ],
    )

    assert "SUCCESS" in promtool("test", "rules", str(tmp_path / "test.yaml"))


@needs_promtool
def test_an_exporter_that_is_gone_is_a_lost_freshness_and_nothing_else(tmp_path):
    """What is not heard of is not well."""
    checks = [
        {"eval_time": "30m", "alertname": alert_name(rule), "exp_alerts": lost(rule)} for rule in BY_NAME.values()
    ]
    written(tmp_path / "test.yaml", {"up": [1.0] * 40}, checks)

    assert "SUCCESS" in promtool("test", "rules", str(tmp_path / "test.yaml"))


def lost(rule):
    if rule.no_data != "Alerting":
        return []
    return [
        {
            "exp_labels": {"severity": rule.severity},
            "exp_annotations": {
                "summary": "What is known is ? late, 100% of the limit.",
                "runbook_url": f"docs/runbooks.md#{rule.anchor}",
            },
        }
    ]


def annotations(rule, value):
    """Return what the page would tell, for an alert whose value is this and whose number is 1234."""
    labels = {label: f'a "{label}"' for label in rule.labels}
    summary = filled(rule.summary, labels, rule.unit, 1234.0, value)
    return {"summary": summary, "runbook_url": f"docs/runbooks.md#{rule.anchor}"}


def written(path: Path, series, checks) -> None:
    content = {
        "rule_files": [str(RULES)],
        "evaluation_interval": "10s",
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    {"series": name, "values": " ".join(map(str, values))} for name, values in series.items()
                ],
                "alert_rule_test": checks,
            }
        ],
    }
    path.write_text(yaml.safe_dump(content), "utf-8")
