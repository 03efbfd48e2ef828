"""What a Grafana should hold of ours, and how to tell whether it does.

An item's `body` is in the form in which Grafana answers, so that what is wanted and what is there go through the same
functions. Grafana adds to what it is given (ids, versions, defaults of queries, dates) and writes durations its own
way; `compare` sees past that, so that nothing is written twice.
"""

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import SplitResult, unquote, urlsplit

from dashboards import names
from dashboards.differences import differences
from schema.clickhouse import DATABASE, login_of
from schema.clickhouse_errors import FILES
from schema.errors import GigawattError
from schema.files import read_text
from schema.settings import clickhouse_address

Body = dict[str, Any]
Kind = Literal["folder", "data source", "dashboard", "rule", "rule group"]
Key = tuple[Kind, str]

_RULE_KEYS: Final = (
    *("title", "folderUID", "ruleGroup", "condition", "data", "noDataState", "execErrState", "for", "keep_firing_for"),
    *("isPaused", "annotations", "labels", "notification_settings", "record", "missingSeriesEvalsToResolve"),
)
_RULE_DEFAULTS: Final[Mapping[str, Any]] = {
    "for": "0s",
    "keep_firing_for": "0s",
    "isPaused": False,
    "annotations": {},
    "labels": {},
}
_QUERY_DEFAULTS: Final[Mapping[str, Any]] = {"intervalMs": 1000, "maxDataPoints": 43200}
_DATA_SOURCE_FIELDS: Final = {
    *("name", "url", "user", "database", "basicAuth", "basicAuthUser", "withCredentials", "isDefault"),
}
_UNITS_S: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "y": 31_536_000}
_DURATION: Final = re.compile(r"(\d+)(ms|[smhdwy])")


@dataclass(frozen=True)
class Item:
    """Something that Grafana keeps under a uid, a rule group under its name; `title` is what people call it."""

    kind: Kind
    uid: str
    title: str
    body: Body = field(default_factory=dict)

    @property
    def key(self) -> Key:
        """What it is known by."""
        return self.kind, self.uid


def folder(uid: str = names.FOLDER_UID) -> Item:
    """Return the folder of the dashboards and the rules."""
    return Item("folder", uid, names.FOLDER_TITLE, {"title": names.FOLDER_TITLE})


def data_source(clickhouse: str, environment: Mapping[str, str] = os.environ) -> Item:
    """Return the data source of the ClickHouse at this URL, asked as the user who may only read.

    The URL's password is that user's where the URL names her or nobody; without one, that in the file that the
    environment names is hers where the URL names her. Another user's password is not handed on. Whom to believe over
    https is handed on, by the file of the environment. Raises `GigawattError` for a file that is no good.
    """
    parts = clickhouse_address(clickhouse)
    secure = parts.scheme == "https"
    ca = environment.get(FILES.ca) if secure else None
    settings = {
        "host": parts.hostname,
        "port": parts.port or (8443 if secure else 8123),
        "protocol": "http",
        "secure": secure,
        "username": names.DATA_SOURCE_USER,
        "defaultDatabase": DATABASE,
        **({"tlsAuthWithCACert": True} if ca else {}),
    }
    secrets = {
        "password": _password(parts, environment),
        "tlsCACert": _certificates(Path(ca)) if ca else "",
    }
    kept = {name: secret for name, secret in secrets.items() if secret}
    body = {
        "uid": names.DATA_SOURCE_UID,
        "name": names.DATA_SOURCE_NAME,
        "type": names.DATA_SOURCE_TYPE,
        "access": "proxy",
        "jsonData": settings,
        **({"secureJsonData": kept} if kept else {}),
    }
    return Item("data source", names.DATA_SOURCE_UID, names.DATA_SOURCE_NAME, body)


def _password(parts: SplitResult, environment: Mapping[str, str]) -> str:
    if parts.username == names.DATA_SOURCE_USER:
        return login_of(parts, environment).password
    return "" if parts.username else unquote(parts.password or "")


def _certificates(file: Path) -> str:
    try:
        return read_text(file)
    except (OSError, UnicodeDecodeError) as error:
        raise GigawattError(f"cannot read certificates from {file}: {error}") from error


def hers(clickhouse: str) -> bool:
    """Say whether a URL's login is that of the user who may only read, or nobody's."""
    return (urlsplit(clickhouse).username or names.DATA_SOURCE_USER) == names.DATA_SOURCE_USER


def dashboard(model: Body, folder_uid: str = names.FOLDER_UID) -> Item:
    """Return the item of a dashboard's JSON, in a folder of Grafana's."""
    return Item("dashboard", model["uid"], model["title"], {"dashboard": model, "meta": {"folderUid": folder_uid}})


def read_dashboards(folder_path: Path, folder_uid: str = names.FOLDER_UID) -> list[Item]:
    """Return the dashboards that are JSON files at a path, by file name."""
    paths = sorted(folder_path.glob("*.json"))
    if not paths:
        raise GigawattError(f"{folder_path} has no dashboards; write them with: gigawatt dashboards build")
    return [dashboard(json.loads(path.read_text("utf-8")), folder_uid) for path in paths]


def rules(forms: Iterable[Body], intervals_s: Mapping[str, int]) -> list[Item]:
    """Return the items of rules in the form of Grafana's API, and of their groups with the interval of each."""
    items = [Item("rule", form["uid"], form["title"], form) for form in forms]
    groups = {item.body["ruleGroup"]: item.body["folderUID"] for item in items}
    return items + [
        Item("rule group", group, group, {"interval": intervals_s[group], "folderUid": folder_uid})
        for group, folder_uid in groups.items()
    ]


def compare(item: Item, present: Body) -> list[str]:
    """Return how what is there differs from what is wanted, nothing when it does not."""
    match item.kind:
        case "folder":
            return differences({"title": present.get("title")}, {"title": item.title})
        case "data source":
            return _compare_data_sources(present, item.body)
        case "dashboard":
            return differences(_comparable_dashboard(present), _comparable_dashboard(item.body))
        case "rule":
            return _compare_rules(present, item.body)
        case "rule group":
            return differences({"interval_s": present.get("interval")}, {"interval_s": item.body["interval"]})


def locked(item: Item, present: Body) -> str:
    """Return why Grafana would not let this be changed over HTTP, empty when it does."""
    if item.kind == "data source" and present.get("readOnly"):
        return "a provisioning file of that Grafana manages it"
    if item.kind == "dashboard" and present.get("meta", {}).get("provisioned"):
        return "a provisioning file of that Grafana manages it"
    if item.kind == "rule" and present.get("provenance", "") not in ("", "api"):
        return f"another provisioner of that Grafana manages it: {present['provenance']}"
    return ""


def merged_data_source(present: Body, wanted: Body) -> Body:
    """Return the body that makes of the data source that is there the one that is wanted, and leaves the rest alone."""
    kept = {key: value for key, value in present.items() if key in _DATA_SOURCE_FIELDS}
    settings = {**(present.get("jsonData") or {}), **wanted["jsonData"]}
    return {**wanted, **kept, "type": wanted["type"], "access": wanted["access"], "jsonData": settings}


def _compare_data_sources(present: Body, wanted: Body) -> list[str]:
    """Compare what we set; what an operator set beside it, and the name, are the operator's.

    Passwords and certificates cannot be read back, only whether there are any.
    """
    shown = ("type", "access")
    before = {key: present.get(key) for key in shown}
    settings = present.get("jsonData") or {}
    before["jsonData"] = {key: settings.get(key) for key in wanted["jsonData"]}
    after = {key: wanted[key] for key in (*shown, "jsonData")}
    found = differences(before, after)
    secret = present.get("secureJsonFields") or {}
    return found + [f"{name}: added" for name in wanted.get("secureJsonData", {}) if not secret.get(name)]


def _comparable_dashboard(answer: Body) -> Body:
    model = {key: value for key, value in answer["dashboard"].items() if key not in ("id", "version")}
    return {"folder": answer["meta"].get("folderUid"), **model}


def _compare_rules(present: Body, wanted: Body) -> list[str]:
    before, after = _comparable_rule(present), _comparable_rule(wanted)
    if "keep_firing_for" not in present:  # a Grafana that does not know it yet
        before["keep_firing_for"] = after["keep_firing_for"]
    return differences(before, after)


def _comparable_rule(rule: Body) -> Body:
    form = {**_RULE_DEFAULTS, **{key: rule[key] for key in _RULE_KEYS if rule.get(key) is not None}}
    for key in ("for", "keep_firing_for"):
        form[key] = f"{duration_s(form[key]):g}s"
    form["data"] = [_comparable_query(query) for query in rule["data"]]
    return form


def _comparable_query(query: Body) -> Body:
    return {
        "refId": query["refId"],
        "datasourceUid": query.get("datasourceUid"),
        "relativeTimeRange": {"from": 0, "to": 0, **(query.get("relativeTimeRange") or {})},
        "model": {**_QUERY_DEFAULTS, **query["model"]},
    }


def duration_s(text: str) -> float:
    """Return the seconds of a duration such as 90s or 1m30s."""
    return sum(int(count) * _UNITS_S[unit] for count, unit in _DURATION.findall(text))
