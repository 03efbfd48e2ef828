"""What every rule must be for Grafana to take it, and for people to use it."""

import functools
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

import dashboards
import schema
from dashboards import desired, generate, names
from dashboards.alerting_files import alerting_files
from dashboards.macros import View, expand
from dashboards.preview import statement
from dashboards.rule import Rule, duration, load_rules
from schema.fleet_limits import LIMITS
from schema.published import RULE_VIEWS

FOLDER = Path(dashboards.__file__).parent
RUNBOOKS = (FOLDER.parent / "docs" / "runbooks.md").read_text("utf-8")
RULES = load_rules()
VIEWS = Path(schema.__file__).parent / "views"
MOST_LINES = 12
every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)


@functools.cache
def boards() -> list[dict[str, Any]]:
    return [json.loads(text) for path, text in generate.files().items() if path.startswith("json/")]


def view_text(rule: Rule) -> str:
    return (VIEWS / f"{rule.view}.sql").read_text("utf-8")


def runbooks() -> dict[str, str]:
    """Return the text of each second-level heading by its anchor."""
    parts = re.split(r"^## (.+)$", RUNBOOKS, flags=re.MULTILINE)[1:]
    return {heading.lower().replace(" ", "-"): text for heading, text in zip(parts[::2], parts[1::2], strict=True)}


@pytest.fixture(scope="module")
def empty(engine):
    client = engine.migrated_client()
    yield client
    client.close()


def test_names_and_titles_are_unique():
    assert len({rule.title for rule in RULES}) == len({rule.uid for rule in RULES}) == len(RULES)
    assert len({rule.runbook_panel for rule in RULES}) == len(RULES)
    assert {rule.view for rule in RULES} == set(RULE_VIEWS)


@every_rule
def test_grafana_takes_its_name_and_times(rule: Rule):
    assert re.fullmatch(r"[a-z0-9-]{1,40}", rule.uid)
    assert rule.group.interval_s % 10 == 0
    assert rule.for_s % rule.group.interval_s == 0
    assert rule.keep_firing_s % rule.group.interval_s == 0
    assert rule.clears_below <= max(rule.fires_above, 1.0)


@every_rule
def test_it_has_a_runbook(rule: Rule):
    """A heading, and under it what the alert means, how to diagnose and fix it, and when it is a false positive."""
    text = runbooks()[rule.anchor]

    assert re.findall(r"^\*(.+?)\.\* ", text, re.MULTILINE) == ["Meaning", "Diagnose", "Fix", "False positives"]


def test_every_runbook_is_of_a_rule():
    assert set(runbooks()) == {rule.anchor for rule in RULES}


def test_panels_that_runbooks_name_exist():
    """Panels are named by their titles, in quotes."""
    titles = {panel["title"] for board in boards() for panel in board["panels"]}
    named = re.findall(
        r'"([^"]+)"', " ".join(re.findall(r"^\*Diagnose\.\*.*?\n\n", RUNBOOKS, re.MULTILINE | re.DOTALL))
    )

    assert named
    assert {" ".join(name.split()) for name in named} <= titles


@pytest.mark.parametrize("sql", [block.strip() for block in re.findall(r"(?:^    .+\n)+", RUNBOOKS, re.MULTILINE)])
def test_queries_of_runbooks_run(empty, sql):
    assert empty.query(sql).result_rows == []


@every_rule
def test_its_panel_exists(rule: Rule):
    (board,) = (board for board in boards() if board["uid"] == rule.panel.dashboard_uid)
    (panel,) = (panel for panel in board["panels"] if panel["id"] == rule.panel.panel_id)

    assert panel["type"] != "row"


@every_rule
def test_its_query_is_short_and_needs_no_front_end(rule: Rule):
    """What Grafana shows of a rule can be read at a glance; the rest has a name in the database."""
    for sql in (rule.query("value", "shown"), rule.none_unless):
        assert len(sql.strip().splitlines()) <= MOST_LINES
        assert not re.search(r"\$__conditionalAll|\$__adHocFilters|\$\{|\$(?!__)|@\w|\bnow(64)?\(", sql)
        assert "$__" not in expand(sql, View(0, 1))


@every_rule
def test_its_view_is_of_an_instant_and_never_of_now(rule: Rule):
    view = view_text(rule)

    assert set(re.findall(r"\{(\w+):", view)) == {"at"}
    assert not re.search(r"\b(now|now64|today|yesterday)\(", view)


@every_rule
def test_the_engine_returns_texts_and_a_number(empty, rule: Rule):
    """Of an empty database: labels in order, then the number, none of them nullable."""
    now_ms = int(time.time() * 1000)
    for column in ("value", "shown"):
        answer = empty.query(statement(rule, now_ms, [column]))

        assert answer.result_rows is not None
        assert list(answer.column_names) == [*rule.labels, column]
        assert [kind.name for kind in answer.column_types] == ["String"] * len(rule.labels) + ["Float64"]


def test_limits_of_the_fleet_file_are_all_used():
    """A limit that no rule holds anybody to would be a promise that is not kept."""
    text = "".join(path.read_text("utf-8") for path in VIEWS.glob("*.sql"))

    assert [name for name in LIMITS if f"limits['{name}']" not in text] == []


def test_the_files_are_as_they_would_be_made():
    """When this fails: gigawatt dashboards build."""
    made = alerting_files()

    there = [path for pattern in ("alerting/*", "prometheus/*.yaml") for path in FOLDER.glob(pattern)]
    assert {path.relative_to(FOLDER).as_posix() for path in there} == set(made)
    assert {path: (FOLDER / path).read_text("utf-8") for path in made} == made


def test_the_rules_file_says_what_the_rules_say():
    groups = yaml.safe_load(alerting_files()["alerting/rules.yaml"])["groups"]
    found = {rule["uid"]: rule for group in groups for rule in group["rules"]}

    assert set(found) == {rule.uid for rule in RULES}
    assert {group["interval"] for group in groups} == {"10s", "30s", "1m"}
    for rule in RULES:
        form = found[rule.uid]
        assert form == rule.file_form()
        assert form["data"][0]["model"]["rawSql"] == rule.query("value")
        assert form["data"][2]["model"]["conditions"][0]["unloadEvaluator"]["params"] == [rule.clears_below]
        assert "$" not in form["title"] + "".join(form["labels"].values()), "Grafana would fill it in"
        assert "${" not in "".join(form["annotations"].values()), "the same"


@every_rule
def test_both_forms_are_of_one_rule(rule: Rule):
    """They differ in names."""
    file, api = rule.file_form(), rule.api_form()

    shared = file.keys() & api.keys()
    assert shared == {
        "uid",
        "title",
        "condition",
        "data",
        "for",
        "noDataState",
        "execErrState",
        "labels",
        "annotations",
    }
    assert all(file[key] == api[key] for key in shared)
    assert api["keep_firing_for"] == file["keepFiringFor"]
    annotations = file["annotations"]
    assert annotations["__dashboardUid__"] == file["dashboardUid"]
    assert annotations["__panelId__"] == str(file["panelId"])
    assert (api["folderUID"], api["ruleGroup"]) == (names.FOLDER_UID, rule.group.name)


def test_only_freshness_speaks_for_a_clickhouse_that_is_away():
    """Sixteen alerts would say no more than one."""
    assert [rule.name for rule in RULES if rule.on_error == "Alerting"] == ["freshness_lost"]
    assert [rule.name for rule in RULES if rule.no_data == "Alerting"] == ["freshness_lost"]


def test_policies_name_receivers_and_mute_timings_that_exist():
    files = {path: yaml.safe_load(text) for path, text in alerting_files().items()}
    (policy,) = files["alerting/policies.yaml"]["policies"]
    points = {point["name"] for point in files["alerting/contact_points.yaml"]["contactPoints"]}
    timings = {timing["name"] for timing in files["alerting/mute_timings.yaml"]["muteTimes"]}

    assert {policy["receiver"], *(route["receiver"] for route in policy["routes"])} == points
    assert {name for route in policy["routes"] for name in route.get("mute_time_intervals", ())} == timings
    matched = [route["object_matchers"][0] for route in policy["routes"]]
    assert {value for name, _, value in matched if name == "severity"} == {rule.severity for rule in RULES}
    assert matched[0][0] == "alertname", "what cannot be evaluated must not reach who is on call"


def test_provisioning_names_what_the_dashboards_name():
    (source,) = yaml.safe_load((FOLDER / "provisioning/datasources.yaml").read_text("utf-8"))["datasources"]
    (provider,) = yaml.safe_load((FOLDER / "provisioning/dashboards.yaml").read_text("utf-8"))["providers"]
    pushed = desired.data_source("http://clickhouse:8123").body

    assert {key: source[key] for key in pushed} == pushed
    assert provider["folder"] == names.FOLDER_TITLE
    assert "folderUid" not in provider, "alerting files make the folder before, under a uid of Grafana's"


def test_durations_are_written_as_grafana_writes_them():
    assert [duration(seconds) for seconds in (0, 10, 60, 90, 600)] == ["0s", "10s", "1m", "90s", "10m"]
