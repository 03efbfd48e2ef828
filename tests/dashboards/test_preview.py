"""The preview: when it asks, and what it says of what is not normal."""

from dataclasses import replace

import pytest

from dashboards.evaluate import Frame
from dashboards.preview import Preview, statement
from dashboards.rule import Rule, load_rules

BY_NAME = {rule.name: rule for rule in load_rules()}
EXCEEDED = BY_NAME["budget_exceeded"]
COLUMNS = ["site", "fleet", "platform", "value", "shown"]


class Store:
    """Answers every query alike, and counts."""

    def __init__(self, *rows: list) -> None:
        self.rows, self.asked, self.error = list(rows), [], ""

    def __call__(self, sql: str) -> Frame:
        self.asked.append(sql)
        if self.error:
            raise RuntimeError(self.error)
        return Frame(COLUMNS, self.rows)


@pytest.fixture
def store() -> Store:
    return Store(["iowa", "frontier", "tpu", 1.04, 12_100_000.0])


def at_once(rule: Rule = EXCEEDED) -> Rule:
    return replace(rule, for_s=0)


def test_an_alert_says_what_and_how_much_and_where_to_look(store):
    (alert,) = Preview(store, [at_once()]).evaluate(90_000)

    assert alert.summary == "iowa / frontier (tpu) draws 12.1MW, 104% of its budget."
    assert (alert.state, alert.firing, alert.severity) == ("Alerting", True, "critical")
    assert (alert.value, alert.shown, alert.unit, alert.since_ms) == (1.04, 12_100_000.0, "W", 90_000)
    assert alert.labels == {"site": "iowa", "fleet": "frontier", "platform": "tpu"}
    assert alert.runbook == "docs/runbooks.md#budget-exceeded"
    assert (alert.dashboard_uid, alert.panel_id) == EXCEEDED.panel
    assert alert.as_json()["labels"] == alert.labels


def test_what_must_hold_for_a_minute_is_known_after_a_minute(store):
    preview = Preview(store, [EXCEEDED])
    states = [[alert.state for alert in preview.evaluate(seconds * 1000)] for seconds in (30, 60, 90)]

    assert states == [["Pending"], ["Pending"], ["Alerting"]]


def test_a_rule_is_evaluated_at_multiples_of_its_interval_and_no_more_often(store):
    preview = Preview(store, [EXCEEDED])
    for now_ms in (31_000, 35_000, 59_999, 60_000, 61_000, 30_000):
        preview.evaluate(now_ms)

    assert len(store.asked) == 2
    assert "toDateTime(30)" in store.asked[0]
    assert "toDateTime(60)" in store.asked[1]


def test_firing_and_critical_come_first(store):
    rules = [replace(BY_NAME["headroom_low"], for_s=60), at_once(BY_NAME["ramp_steep"]), at_once()]

    alerts = Preview(store, rules).evaluate(60_000)
    assert [alert.name for alert in alerts] == ["budget_exceeded", "ramp_steep", "headroom_low"]


def test_nothing_is_said_of_what_is_normal(store):
    store.rows[0][3] = 0.9

    assert Preview(store, [at_once()]).evaluate(60_000) == []


def test_a_rule_that_cannot_be_evaluated_says_so(store):
    store.error = "Code: 60. Unknown table\nand more"
    rule = replace(BY_NAME["ramp_steep"], on_error="Error")

    (alert,) = Preview(store, [rule]).evaluate(60_000)
    assert (alert.state, alert.firing) == ("Error", False)
    assert alert.summary == "cannot be evaluated: Code: 60. Unknown table"


def test_without_clickhouse_one_rule_fires_and_what_fired_before_goes_on(store):
    """The rules of levels keep their state; those of changes have none; freshness is the one that tells."""
    fresh = Store()
    rules = [at_once(), at_once(BY_NAME["ramp_steep"]), at_once(BY_NAME["freshness_lost"])]

    def query(sql: str) -> Frame:
        return fresh(sql) if "freshness_lost" in sql else store(sql)

    fresh.rows = [[0.1, 1.5]]
    preview = Preview(
        lambda sql: query(sql)._replace(columns=COLUMNS[3:] if "freshness_lost" in sql else COLUMNS), rules
    )
    preview.evaluate(60_000)
    store.error = fresh.error = "connection refused"

    after = {alert.name: alert for alert in preview.evaluate(120_000)}
    assert after["budget_exceeded"].firing
    assert after["freshness_lost"].firing
    assert after["freshness_lost"].summary == "cannot be evaluated: connection refused"


def test_a_statement_asks_the_rule_s_view_at_an_instant():
    sql = statement(BY_NAME["freshness_lost"], 1_000_000)

    assert sql == "SELECT value, late_s AS shown\nFROM rule_freshness_lost(at = toDateTime(1000))\n"


def test_while_nobody_watches_a_rule_is_evaluated_seldom(store):
    preview = Preview(store, [EXCEEDED])
    for now_ms in range(30_000, 270_000, 10_000):
        preview.evaluate(now_ms, watched=False)
    assert len(store.asked) == 3  # at 0, 120 and 240 s

    preview.evaluate(271_000)
    assert len(store.asked) == 4


def test_a_rule_that_can_have_no_row_is_not_worked_out(store):
    rule = replace(at_once(), none_unless="SELECT 1 WHERE $__toTime > 0")
    store.rows = []

    assert Preview(store, [rule]).evaluate(200_000) == []
    assert store.asked == ["SELECT 1 WHERE toDateTime(180) > 0"]

    store.rows = [["iowa", "frontier", "tpu", 1.04, 12_100_000.0]]
    assert len(Preview(store, [rule]).evaluate(200_000)) == 1
    assert store.asked[2:] == [statement(rule, 180_000)]
