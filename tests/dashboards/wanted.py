"""Two dashboards and a rule, small, in the forms in which they are published."""

from dashboards import desired

MODELS = (
    {
        "uid": "gigawatt-a",
        "title": "Fleet power",
        "tags": ["gigawatt"],
        "panels": [{"id": 1, "title": "Power now", "targets": [{"refId": "A", "rawSql": "SELECT 1\nFROM one"}]}],
    },
    {"uid": "gigawatt-b", "title": "Trust", "tags": ["gigawatt"], "panels": [], "description": None},
)
RULE = {
    "uid": "gigawatt-over-budget",
    "title": "Budget exceeded",
    "folderUID": "gigawatt",
    "ruleGroup": "power",
    "condition": "B",
    "data": [
        {
            "refId": "A",
            "relativeTimeRange": {"from": 300, "to": 0},
            "datasourceUid": "gigawatt-clickhouse",
            "model": {"refId": "A", "rawSql": "SELECT 1", "intervalMs": 10_000},
        },
        {"refId": "B", "datasourceUid": "__expr__", "model": {"refId": "B", "type": "reduce", "expression": "A"}},
    ],
    "noDataState": "OK",
    "execErrState": "Error",
    "for": "90s",
    "keep_firing_for": "5m",
    "labels": {"severity": "critical"},
    "annotations": {"summary": "over"},
}
CLICKHOUSE = "http://grafana:secret@127.0.0.1:8123"


def items(*, models=MODELS, rules=(RULE,), interval_s=30, clickhouse=CLICKHOUSE):
    """Return everything that is to be published, in order."""
    return [
        desired.folder(),
        desired.data_source(clickhouse),
        *map(desired.dashboard, models),
        *desired.rules(rules, {"power": interval_s}),
    ]
