"""What is looked at and written in a Grafana, by uid: one small adapter around the package grafana-api.

Numeric ids are not used: Grafana 13 answers to uids. Contact points, policies and mute timings are left to files: since
13.1 their endpoints are on the way out.
"""

import itertools
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote

from grafana_api.api import Dashboard, Datasource, Folder

from dashboards.grafana_http import Api, GrafanaError, Patience

Body = dict[str, Any]

_NOT_FOUND: Final = 404
_FORBIDDEN: Final = 403
_FOLDERS_A_PAGE: Final = 1000
# Grafana keeps a data source's settings for five seconds: the check would be of what was there before the push.
_AS_STORED: Final[Mapping[str, str]] = {"X-Grafana-NoCache": "true"}
_RULES: Final = "/v1/provisioning/alert-rules"


class Grafana:
    """What is looked at and written, each by its uid. What is not there is None; all methods raise `GrafanaError`."""

    def __init__(self, url: str, token: str, patience: Patience | None = None) -> None:
        self.patience = patience or Patience()
        self.api = Api(url, token, self.patience)
        self._folders, self._dashboards, self._data_sources = (
            kind(self.api) for kind in (Folder, Dashboard, Datasource)
        )

    @property
    def address(self) -> str:
        """Where it is, without `/api`."""
        return str(self.api.address)

    def version(self) -> str:
        """Return its version, empty where it keeps that to itself; fails for what is no Grafana."""
        try:
            health = self.api.GET("/health")
        except GrafanaError as error:
            if error.status == _NOT_FOUND:
                raise GrafanaError(f"{self.address} is not a Grafana: it has no /api/health") from error
            raise
        if not isinstance(health, dict) or "database" not in health:
            raise GrafanaError(f"{self.address} is not a Grafana: its /api/health returns {str(health)[:80]}")
        return str(health.get("version", ""))

    def folder(self, uid: str) -> Body | None:
        """Return the folder."""
        return _found(lambda: self._folders.get_folder(uid))

    def folders_titled(self, title: str) -> list[Body]:
        """Return the folders at the top that have this title."""
        found: list[Body] = []
        for page in itertools.count(1):
            some = self.api.request("GET", "/folders", params={"limit": _FOLDERS_A_PAGE, "page": page}) or []
            found += (one for one in some if one.get("title") == title)
            if len(some) < _FOLDERS_A_PAGE:
                break
        return found

    def create_folder(self, uid: str, title: str) -> None:
        """Make the folder, at the top."""
        self._folders.create_folder(title, uid)

    def rename_folder(self, uid: str, title: str) -> None:
        """Give the folder another title."""
        self._folders.update_folder(uid, title, overwrite=True)

    def data_source(self, uid: str) -> Body | None:
        """Return the data source, without its secrets."""
        return _found(lambda: self.api.GET(f"/datasources/uid/{uid}"))

    def create_data_source(self, body: Body) -> None:
        """Make the data source."""
        self._data_sources.create_datasource(body)

    def update_data_source(self, uid: str, body: Body) -> None:
        """Replace all of the data source but secrets that are not named."""
        self.api.PUT(f"/datasources/uid/{uid}", json=body)

    def data_source_trouble(self, uid: str) -> str:
        """Return why Grafana cannot ask the data source as it is stored, empty when it can."""
        try:
            health = self.api.request("GET", f"/datasources/uid/{uid}/health", once=True, headers=_AS_STORED)
        except GrafanaError as error:
            return str(error)
        return "" if health.get("status") == "OK" else str(health.get("message"))

    def plugin_version(self, plugin: str) -> str | None:
        """Return the version of a plugin: None where it is not installed, empty where the token may not know."""
        try:
            settings = _found(lambda: self.api.GET(f"/plugins/{plugin}/settings"))
        except GrafanaError as error:
            if error.status == _FORBIDDEN:
                return ""
            raise
        return None if settings is None else str((settings.get("info") or {}).get("version", ""))

    def dashboard(self, uid: str) -> Body | None:
        """Return the dashboard as `dashboard`, and where it is and comes from as `meta`."""
        return _found(lambda: self._dashboards.get_dashboard(uid))

    def save_dashboard(self, dashboard: Body, folder_uid: str) -> None:
        """Store the dashboard: a new one without `version`, else on top of that `version` only (412 otherwise)."""
        body = {
            "dashboard": dashboard,
            "folderUid": folder_uid,
            "overwrite": False,
            "message": "gigawatt dashboards push",
        }
        answer = self._dashboards.update_dashboard(body) or {}
        if answer.get("status") == "pending":  # 202: not stored, but handed to someone who is to commit it
            raise GrafanaError(f"Grafana did not store it: {answer.get('message')}")

    def delete_dashboard(self, uid: str) -> None:
        """Delete the dashboard; it may be gone already."""
        _found(lambda: self._dashboards.delete_dashboard(uid))

    def dashboards_in(self, folder_uid: str, tag: str) -> list[Body]:
        """Return uid and title of the dashboards with this tag in a folder."""
        wanted = {"type": "dash-db", "folderUIDs": folder_uid, "tag": tag, "limit": 5000}
        found: list[Body] = self.api.request("GET", "/search", params=wanted) or []
        # An old Grafana knows no folderUIDs and answers with every folder's.
        return [hit for hit in found if hit.get("folderUid") == folder_uid]

    def rules(self) -> list[Body]:
        """Return every alerting rule of the organization."""
        return self.api.GET(_RULES) or []

    def rule(self, uid: str) -> Body | None:
        """Return the rule."""
        return _found(lambda: self.api.GET(f"{_RULES}/{uid}"))

    def create_rule(self, body: Body) -> None:
        """Make the rule."""
        self.api.POST(_RULES, json=body)

    def update_rule(self, uid: str, body: Body) -> None:
        """Replace the rule."""
        self.api.PUT(f"{_RULES}/{uid}", json=body)

    def delete_rule(self, uid: str) -> None:
        """Delete the rule; it may be gone already."""
        _found(lambda: self.api.DELETE(f"{_RULES}/{uid}"))

    def rule_group(self, folder_uid: str, name: str) -> Body | None:
        """Return the group of rules, None where no rule is in it."""
        return _found(lambda: self.api.GET(_group(folder_uid, name)))

    def set_group_interval(self, folder_uid: str, name: str, interval_s: int) -> None:
        """Have the rules of a group evaluated every so many seconds; `rules` left out stay as they are."""
        body = {"title": name, "folderUid": folder_uid, "interval": interval_s}
        self.api.PUT(_group(folder_uid, name), json=body)


def _group(folder_uid: str, name: str) -> str:
    return f"/v1/provisioning/folder/{folder_uid}/rule-groups/{quote(name, safe='')}"


def _found(ask: Callable[[], Any]) -> Body | None:
    try:
        answer: Body = ask()
    except GrafanaError as error:
        if error.status == _NOT_FOUND:
            return None
        raise
    return answer
