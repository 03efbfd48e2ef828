"""A small dashboard in Grafana's schema v1, written by hand: one panel of each kind, and a query that is wrong."""

from typing import Any

from dashboards.page.boards import Board

UID = "small"
_CHOSEN = "$__conditionalAll(site IN (${site:singlequote}), $site)"
_BY_SITE = f"""
SELECT $__timeInterval(time) AS time, site AS series, sum(energy_j) / $__interval_s AS power_w FROM power_by_second
WHERE $__timeFilter(time) AND {_CHOSEN} GROUP BY time, series ORDER BY time
"""


def panel(panel_id: int, kind: str, sql: str, *, table: bool = True, **rest: Any) -> dict[str, Any]:
    """Return a panel with one query."""
    defaults = {"unit": "watt", "thresholds": {"mode": "absolute", "steps": [{"value": None, "color": "green"}]}}
    return {
        "id": panel_id,
        "type": kind,
        "title": f"{kind} {panel_id}",
        "description": f"What **panel {panel_id}** shows.",
        "gridPos": {"x": (panel_id - 1) % 3 * 8, "y": (panel_id - 1) // 3 * 8 + 1, "w": 8, "h": 8},
        "targets": [{"refId": "A", "format": 1 if table else 0, "rawSql": sql}] if sql else [],
        "fieldConfig": {"defaults": defaults, "overrides": []},
        **rest,
    }


def small() -> Board:
    """Return the dashboard; panel 7 asks for a table that is not there."""
    total = f"SELECT sum(energy_j) AS power_w FROM power_by_second WHERE $__timeFilter(time) AND {_CHOSEN}"
    by_site = f"SELECT site, sum(energy_j) AS power_w FROM power_by_second WHERE $__timeFilter(time) AND {_CHOSEN}"
    text = {"options": {"mode": "markdown", "content": "Of **whom** this is: `<b>nobody</b>`, [all](/)"}}
    return Board(
        {
            "uid": UID,
            "title": "Small",
            "time": {"from": "now-15m", "to": "now"},
            "refresh": "5s",
            "templating": {
                "list": [
                    {"name": "datasource", "type": "datasource", "query": "grafana-clickhouse-datasource"},
                    {
                        "name": "site",
                        "label": "Site",
                        "type": "query",
                        "multi": True,
                        "includeAll": True,
                        "query": {"rawSql": "SELECT DISTINCT site FROM power_by_hour ORDER BY site", "refId": "site"},
                    },
                    {
                        "name": "top",
                        "label": "Top",
                        "type": "custom",
                        "current": {"value": "5", "text": "5"},
                        "options": [{"text": "5", "value": "5"}, {"text": "1", "value": "1"}],
                    },
                ]
            },
            "annotations": {"list": [{"name": "Changes", "enable": True, "target": {"rawSql": _CHANGES}}]},
            "panels": [
                {"id": 100, "type": "row", "title": "All of it", "gridPos": {"x": 0, "y": 0, "w": 24, "h": 1}},
                panel(1, "stat", total),
                panel(2, "timeseries", _BY_SITE, table=False),
                _with_links(panel(3, "table", f"{by_site} GROUP BY site ORDER BY power_w DESC LIMIT ${{top}}")),
                panel(4, "bargauge", f"{by_site} GROUP BY site ORDER BY power_w DESC"),
                panel(5, "heatmap", _BY_SITE, table=False),
                panel(6, "text", "", **text),
                panel(7, "stat", "SELECT power_w FROM not_there"),
                panel(8, "table", "SELECT site FROM power_by_hour WHERE 0"),
            ],
        }
    )


_CHANGES = "SELECT $__toTime - 60 AS time, 'one more rack' AS text"


def _with_links(table: dict[str, Any]) -> dict[str, Any]:
    """Let the table's sites lead to themselves."""
    url = f"/d/{UID}?${{__url_time_range}}&${{datasource:queryparam}}&var-site=${{__data.fields.site}}"
    links = [{"title": "This site", "url": url}]
    table["fieldConfig"]["overrides"] = [
        {"matcher": {"id": "byName", "options": "site"}, "properties": [{"id": "links", "value": links}]}
    ]
    return table
