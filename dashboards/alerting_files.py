"""The files that provision Grafana's alerting: rules, contact points, notification policies and mute timings.

They are checked in under `dashboards/alerting`, and the rules for Prometheus beside it; a test makes them again and
compares. Whom Grafana tells is by severity: critical goes to who is on call, all else to the desk. Where both are
stands in Grafana's environment, in GIGAWATT_ONCALL_WEBHOOK and GIGAWATT_DESK_WEBHOOK: Grafana does not start with a
contact point that has no address. A policies file takes the place of the whole tree of its Grafana, so it is for one
that has no other.
"""

from typing import Any, Final

import yaml

from dashboards.names import FOLDER_TITLE
from dashboards.prometheus_rules import PATH, prometheus_rules
from dashboards.rule import ORGANIZATION, by_group, duration, load_rules

_ONCALL: Final = "gigawatt-oncall"
_DESK: Final = "gigawatt-desk"
_MAINTENANCE: Final = "gigawatt-maintenance"
_AFTER_HOURS: Final = "gigawatt-after-hours"
_HEADER: Final = "# Made by `gigawatt dashboards build` out of dashboards/{source}: edit that.\n"


def alerting_files() -> dict[str, str]:
    """Return the text of each file by its path from the folder `dashboards`."""
    made = {
        "rules": ("rules", _rules()),
        "contact_points": ("alerting_files.py", _contact_points()),
        "policies": ("alerting_files.py", _policies()),
        "mute_timings": ("alerting_files.py", _mute_timings()),
    }
    files = {
        f"alerting/{name}.yaml": _HEADER.format(source=source) + _text({"apiVersion": 1, **content})
        for name, (source, content) in made.items()
    }
    return files | {PATH: _HEADER.format(source="rules") + _text(prometheus_rules())}


def _rules() -> dict[str, Any]:
    groups = [
        {
            "orgId": ORGANIZATION,
            "name": group.name,
            "folder": FOLDER_TITLE,
            "interval": duration(group.interval_s),
            "rules": [rule.file_form() for rule in rules],
        }
        for group, rules in by_group(load_rules()).items()
    ]
    return {"groups": groups}


def _contact_points() -> dict[str, Any]:
    points = [
        {
            "orgId": ORGANIZATION,
            "name": name,
            "receivers": [{"uid": name, "type": "webhook", "settings": {"url": f"${{{variable}}}"}}],
        }
        for name, variable in ((_ONCALL, "GIGAWATT_ONCALL_WEBHOOK"), (_DESK, "GIGAWATT_DESK_WEBHOOK"))
    ]
    return {"contactPoints": points}


def _policies() -> dict[str, Any]:
    """Return the tree: the first route that matches counts."""
    # A rule that cannot be evaluated is nobody's emergency, whatever it would tell; and one notification does for all.
    broken = {
        "receiver": _DESK,
        "object_matchers": [["alertname", "=~", "DatasourceError|DatasourceNoData"]],
        "group_by": ["alertname"],
        "repeat_interval": "12h",
    }
    return {
        "policies": [
            {
                "orgId": ORGANIZATION,
                "receiver": _DESK,
                "group_by": ["grafana_folder", "alertname", "site"],
                "group_wait": "30s",
                "group_interval": "5m",
                "repeat_interval": "12h",
                "routes": [
                    broken,
                    _route("critical", _ONCALL, group_wait="10s", repeat_interval="1h"),
                    _route("warning", _DESK),
                    _route("info", _DESK, _AFTER_HOURS, repeat_interval="24h"),
                ],
            }
        ]
    }


def _route(severity: str, receiver: str, *muted: str, **timing: str) -> dict[str, Any]:
    return {
        "receiver": receiver,
        "object_matchers": [["severity", "=", severity]],
        "mute_time_intervals": [_MAINTENANCE, *muted],
        **timing,
    }


def _mute_timings() -> dict[str, Any]:
    """Return when nobody is told: during maintenance, in no year until somebody plans it; by night and at weekends."""
    nights = [{"start_time": "00:00", "end_time": "08:00"}, {"start_time": "18:00", "end_time": "24:00"}]
    return {
        "muteTimes": [
            {"orgId": ORGANIZATION, "name": _MAINTENANCE, "time_intervals": [{"years": ["2000"], "location": "UTC"}]},
            {
                "orgId": ORGANIZATION,
                "name": _AFTER_HOURS,
                "time_intervals": [
                    {"times": nights, "location": "UTC"},
                    {"weekdays": ["saturday", "sunday"], "location": "UTC"},
                ],
            },
        ]
    }


class _Dumper(yaml.SafeDumper):
    """Queries stand as they are read: line by line."""

    def ignore_aliases(self, _data: Any) -> bool:
        """Write everything out, for Grafana and for whoever reads."""
        return True


def _represent(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _represent)


def _text(content: dict[str, Any]) -> str:
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1000)
