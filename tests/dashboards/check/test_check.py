"""Each kind of defect is found, on the real engine; what is in order is not complained of."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboards.check.asked import checked_in
from dashboards.check.run import check
from schema.clickhouse import connect
from schema.errors import GigawattError

NOW_MS = int(time.time() * 1000)
TIME = "toStartOfMinute($__toTime)"
LABELLED = "SELECT time, site AS series, power_w FROM fleet_power WHERE $__timeFilter(time) ORDER BY time"


@pytest.fixture(scope="module")
def reader(engine):
    """Give a client that may only read; nothing is written here."""
    engine.migrated_client().close()
    made = connect(engine.url.replace("http://", "http://grafana@"))
    yield made
    made.close()


def panel(sql: str, kind: str = "table", *, form: int | None = None, **more: Any) -> dict[str, Any]:
    chosen = (0 if kind in ("timeseries", "heatmap") else 1) if form is None else form
    return {
        "id": 3,
        "type": kind,
        "title": "Watts",
        "targets": [{"refId": "A", "format": chosen, "rawSql": sql}],
        **more,
    }


def board(*panels: dict[str, Any], variables: Sequence[str] = (), annotations: Sequence[str] = ()) -> dict[str, Any]:
    return {
        "uid": "one",
        "title": "One",
        "panels": list(panels),
        "templating": {
            "list": [
                {"name": f"v{at}", "type": "query", "multi": True, "includeAll": True, "query": {"rawSql": sql}}
                for at, sql in enumerate(variables)
            ]
            + [{"name": "site", "type": "query", "multi": True, "includeAll": True, "query": {"rawSql": "SELECT 'a'"}}]
        },
        "annotations": {"list": [{"name": "Changes", "target": {"rawSql": sql, "format": 1}} for sql in annotations]},
    }


def rule(sql: str, *, form: int = 1) -> dict[str, Any]:
    data = [
        {"refId": "A", "datasourceUid": "x", "relativeTimeRange": {"from": 180, "to": 30}, "model": {"rawSql": sql}},
        {"refId": "C", "datasourceUid": "__expr__", "model": {"type": "threshold", "expression": "A"}},
    ]
    data[0]["model"]["format"] = form
    return {"groups": [{"name": "g", "rules": [{"uid": "too-much", "data": data}]}]}


def problems(reader, folder: Path, content: dict[str, Any], *, slow_ms: float = 5_000) -> list[str]:
    if "groups" in content:
        folder.joinpath("alerting").mkdir()
        folder.joinpath("alerting/rules.yaml").write_text(yaml.safe_dump(content))
    else:
        folder.joinpath("json").mkdir()
        folder.joinpath("json/one.json").write_text(json.dumps(content))
    return [str(one) for one in check(checked_in(folder), reader, now_ms=NOW_MS, slow_ms=slow_ms).problems]


OVERRIDE = {"matcher": {"id": "byName", "options": "gone"}, "properties": []}
LINK = {
    "matcher": {"id": "byName", "options": "a"},
    "properties": [{"id": "links", "value": [{"title": "to", "url": "/d/x?var-site=${__data.fields.gone}"}]}],
}
NAMED = {"defaults": {"displayName": "${__field.labels.series}"}}
ORDERED = {"sortBy": [{"displayName": "Power", "desc": True}]}
AS_POWER = {"matcher": {"id": "byName", "options": "a"}, "properties": [{"id": "displayName", "value": "Power"}]}

PANELS = [
    (panel("SELEC 1 AS a"), "ClickHouse rejects it: Syntax error"),
    (panel("SELECT nothing FROM budgets"), "ClickHouse rejects it: Unknown expression"),
    (panel("DROP TABLE budget_loads"), "ClickHouse rejects it"),
    (panel("  "), "the query is empty"),
    (panel("SELECT $__timeFilter() AS a"), "$__timeFilter takes one argument, not 0"),
    (panel("SELECT $__timeFliter(time) FROM fleet_power"), "$__timeFliter is not filled in"),
    (panel("SELECT site FROM budgets WHERE site = '$place'"), "$place is not filled in"),
    (panel("SELECT site FROM budgets WHERE site IN (${site:singlequote})"), "$__all is not filled in"),
    (
        panel("SELECT site FROM budgets WHERE $__conditionalAll(site = '$site', $site)"),
        "ClickHouse rejects it: Single quoted",
    ),
    (panel("SELECT site FROM budgets WHERE @chosen"), "the fragment @chosen is not filled in"),
    (panel("SELECT 1 AS a;"), "ends with a semicolon"),
    (panel("SELECT sum(energy_j) AS a FROM power_sums"), "it reads power_sums, which is not published"),
    (
        panel("SELECT 1 AS a FROM budgets WHERE budget_w > (SELECT max(budget_w) FROM budget_loads)"),
        "reads budget_loads",
    ),
    (panel("SELECT 1 AS a FROM merge('gigawatt', 'power_by_.*')"), "it reads merge, which is not published"),
    (panel("SELECT name FROM system.tables"), "it reads system.tables, which is not published"),
    (panel("SELECT time, ratio FROM power_reconciled"), "power_reconciled covers the last minutes"),
    (panel("SELECT power_w FROM fleet_power WHERE time > now() - 60"), "it calls now()"),
    (panel("SELECT power_w FROM fleet_power WHERE time > TODAY()"), "it calls today()"),
    (panel("SELECT limits FROM budgets"), "column limits is of type Map(String, Float64), which Grafana cannot draw"),
    (panel("SELECT 1 AS a", fieldConfig={"overrides": [OVERRIDE]}), "an override names the column gone"),
    (panel("SELECT 1 AS a", fieldConfig={"overrides": [LINK]}), "a link names the column gone"),
    (panel("SELECT 1 AS a", options=ORDERED), "the table's order names the column Power"),
    (panel("SELECT site FROM budgets", "stat"), "no column is a number"),
    (panel("SELECT arrayJoin([1, 2]) AS a", "stat"), "there are 2 rows"),
    (panel("SELECT 'a' AS a, 1 AS b, 2 AS c", "bargauge"), "one column of text and one number, not 1 and 2"),
    (panel(f"SELECT {TIME} AS time, 1 AS a", "timeseries", form=1), "it draws a time series, but requests a table"),
    (panel(f"SELECT 1 AS a, {TIME} AS time", "timeseries"), "the first column is not a time"),
    (panel(f"SELECT {TIME} AS time, 'x' AS a", "timeseries"), "no column is a number"),
    (panel(f"SELECT {TIME} AS time, {TIME} AS b, 1 AS a", "timeseries"), "there is a second column of time, b"),
    (panel(f"SELECT {TIME} - arrayJoin([1, 2]) AS time, 1 AS a", "timeseries"), "times are not ascending"),
    (panel("SELECT toDateTimeOrNull('x') AS time, 1 AS a", "timeseries"), "time is null in some rows"),
    (
        panel(f"SELECT {TIME} AS time, 'x' AS s, arrayJoin([1, 2]) AS a", "heatmap"),
        "two rows with the same time",
    ),
    (panel(f"SELECT {TIME} AS time, 1 AS a", "timeseries", fieldConfig=NAMED), "needs a column of text called series"),
]


@pytest.mark.parametrize(("made", "wrong"), PANELS, ids=[wrong for _, wrong in PANELS])
def test_what_is_wrong_with_a_panel_is_found(reader, tmp_path, made, wrong):
    found = problems(reader, tmp_path, board(made))

    assert len(found) == 1
    assert found[0].startswith('json/one.json: panel 3 "Watts": ')
    assert wrong in found[0]


@pytest.mark.parametrize(
    ("sql", "wrong"),
    [
        ("SELECT site, fleet FROM budgets", "a variable needs one column"),
        ("SELECT 1 AS a", "a variable's values must be text"),
        ("SELECT '' AS a", "one of the values is empty"),
    ],
)
def test_what_is_wrong_with_a_variable_is_found(reader, tmp_path, sql, wrong):
    (found,) = problems(reader, tmp_path, board(variables=[sql]))

    assert found.startswith("json/one.json: variable v0: ")
    assert wrong in found


@pytest.mark.parametrize(
    ("sql", "wrong"),
    [
        ("SELECT time, site FROM capacity_changes", "an annotation needs the columns time and text"),
        ("SELECT toDateTimeOrNull('x') AS time, 'x' AS text", "time is null in some rows"),
    ],
)
def test_what_is_wrong_with_an_annotation_is_found(reader, tmp_path, sql, wrong):
    (found,) = problems(reader, tmp_path, board(annotations=[sql]))

    assert found.startswith('json/one.json: annotation "Changes": ')
    assert wrong in found


@pytest.mark.parametrize(
    ("made", "wrong"),
    [
        (
            rule("SELECT site, 1 AS a FROM budgets WHERE $__conditionalAll(1, $site)"),
            "$__conditionalAll is filled in by",
        ),
        (rule("SELECT ${site:singlequote} AS a, 1 AS b"), "${site:singlequote} is filled in by dashboards only"),
        (rule("SELECT 'x' AS a, $__interval AS b"), "$__interval is not filled in"),
        (rule("SELECT 'x' AS a, 1 AS b, 2 AS c"), "a rule's table has one number, not 2"),
        (rule(f"SELECT {TIME} AS time, 1 AS b"), "a rule's table has no time, but time is one"),
        (rule("SELECT 'x' AS a, arrayJoin([1, 2]) AS b"), "two rows have the same labels"),
        (rule("SELECT toUnixTimestamp(now()) AS a"), "it calls now()"),
        (rule("SELECT 'x' AS a, 1 AS b", form=0), "the first column is not a time"),
    ],
)
def test_what_is_wrong_with_a_rule_is_found(reader, tmp_path, made, wrong):
    found = problems(reader, tmp_path, made)

    assert any(wrong in one for one in found)
    assert all(one.startswith("alerting/rules.yaml: rule too-much A: ") for one in found)


def test_a_query_that_takes_too_long_is_found(reader, tmp_path):
    """It is told once, whatever the number of time ranges."""
    slow = panel("SELECT sleep(0.06) AS a", "stat")
    (found,) = problems(reader, tmp_path, board(slow), slow_ms=50)

    assert "it took" in found


def test_a_query_that_only_some_choice_breaks_is_found(reader, tmp_path):
    """A site with a quote in its name ends a text that was not escaped."""
    sql = "SELECT site FROM budgets WHERE $__conditionalAll(site IN (${site:raw}), $site)"
    (found,) = problems(reader, tmp_path, board(panel(sql)))

    assert "over 15 minutes, of some sites" in found


@pytest.mark.parametrize(
    "made",
    [
        panel(LABELLED, "timeseries", fieldConfig=NAMED),
        panel("WITH power_sums AS (SELECT 1 AS a) SELECT a FROM power_sums"),
        panel("SELECT 'now(), FROM power_sums' AS a -- now()"),
        panel("SELECT count() AS a, any(isNull(newest_ts)) AS b FROM ingest_blocks", "stat"),
        panel("SELECT time, ratio FROM power_reconciled_between(since = $__fromTime, until = $__toTime)"),
        panel("SELECT site FROM budgets WHERE $__conditionalAll(site IN (${site:singlequote}), $site)"),
        panel("SELECT site, budget_w AS a FROM budgets", fieldConfig={"overrides": [{**LINK, "properties": []}]}),
        panel("SELECT 'x' AS site, max(power_w) AS power FROM fleet_power", "bargauge"),
        panel("SELECT 1 AS a", fieldConfig={"overrides": [AS_POWER]}, options=ORDERED),
    ],
)
def test_what_is_in_order_is_not_complained_of(reader, tmp_path, made):
    assert problems(reader, tmp_path, board(made)) == []


def test_a_rule_of_one_number_and_labels_is_in_order(reader, tmp_path):
    sql = "SELECT site, fleet, max(power_w) AS value FROM fleet_power WHERE $__timeFilter(time) GROUP BY site, fleet"

    assert problems(reader, tmp_path, rule(sql)) == []


def test_a_database_without_the_schema_says_what_to_do(engine):
    empty = engine.empty_client()
    empty.command("CREATE DATABASE gigawatt")

    with pytest.raises(GigawattError, match="run `gigawatt migrate` first"):
        check([], empty, now_ms=NOW_MS, slow_ms=1000)
