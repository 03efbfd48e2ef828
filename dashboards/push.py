"""Publishing to a Grafana: look at what is there, plan what to change, then change that and nothing else."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from dashboards import names
from dashboards.desired import Item, Key, compare, locked, merged_data_source
from dashboards.grafana import Grafana
from dashboards.grafana_http import GrafanaError, UnavailableError

Body = dict[str, Any]
Action = Literal["create", "update", "unchanged", "locked", "delete", "leave"]

WRITES: Final = ("create", "update", "delete")
_UNAUTHORIZED: Final = 401


@dataclass(frozen=True)
class Change:
    """What to do about an item, how it differs from what is there, and `present`, what that is.

    A `locked` one differs and cannot be changed, for a `reason`. To `leave` is what is ours, no longer wanted, and not
    to be deleted.
    """

    action: Action
    item: Item
    differences: tuple[str, ...] = ()
    present: Body = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True)
class Present:
    """What a Grafana holds: of each wanted item, and which of ours besides."""

    bodies: Mapping[Key, Body]
    leftovers: tuple[Item, ...] = ()


def folders(grafana: Grafana) -> list[str]:
    """Return the uids of the folders that may be ours; the first one is.

    It has our uid or else our title: alerting files, which name a folder by title alone, made that one.
    """
    titled = [str(one["uid"]) for one in grafana.folders_titled(names.FOLDER_TITLE)]
    if names.FOLDER_UID in titled or grafana.folder(names.FOLDER_UID) or not titled:
        return [names.FOLDER_UID, *(uid for uid in titled if uid != names.FOLDER_UID)]
    return titled


def look(grafana: Grafana, items: Sequence[Item]) -> Present:
    """Return what is there of these items, and which dashboards and rules of ours are there without being wanted.

    Of ours is, in the folder among the items, a dashboard with our tag and a rule that came over the API.
    """
    rules = {rule["uid"]: rule for rule in grafana.rules()}
    bodies: dict[Key, Body] = {}
    for item in items:
        body = rules.get(item.uid) if item.kind == "rule" else _read(grafana, item)
        if body is not None:
            bodies[item.key] = body
    ours = [
        found
        for folder in (item.uid for item in items if item.kind == "folder")
        for found in (
            *(Item("rule", rule["uid"], rule["title"]) for rule in rules.values() if _is_ours(rule, folder)),
            *(Item("dashboard", hit["uid"], hit["title"]) for hit in grafana.dashboards_in(folder, names.TAG)),
        )
    ]
    wanted = {item.key for item in items}
    return Present(bodies, tuple(item for item in ours if item.key not in wanted))


def plan(items: Sequence[Item], present: Present, *, prune: bool = False, send_password: bool = False) -> list[Change]:
    """Return what to do about each item, in order, and about what is left over: delete that if `prune`.

    The data source's password cannot be compared; `send_password` sends it even if nothing else has changed.
    """
    changes = [_change(item, present.bodies.get(item.key), send_password=send_password) for item in items]
    return changes + [Change("delete" if prune else "leave", item) for item in present.leftovers]


def apply(grafana: Grafana, changes: Iterable[Change]) -> Iterator[tuple[Change, str]]:
    """Make the changes, one after the other, and give each with what went wrong with it, empty if nothing did.

    What Grafana refuses does not keep the rest from being made, unless the rest cannot succeed either: without an
    answer, a valid token or the folder it raises `GrafanaError`.
    """
    for change in changes:
        if change.action not in WRITES:
            continue
        try:
            _carry_out(grafana, change)
        except GrafanaError as error:
            hopeless = isinstance(error, UnavailableError) or error.status == _UNAUTHORIZED
            if hopeless or change.item.kind == "folder":
                raise
            yield change, str(error)
        else:
            yield change, ""


def _is_ours(rule: Body, folder: str) -> bool:
    return rule.get("folderUID") == folder and rule.get("provenance") == "api"


def _change(item: Item, body: Body | None, *, send_password: bool) -> Change:
    if body is None:
        return Change("create", item)
    found = compare(item, body)
    if send_password and "secureJsonData" in item.body:
        found = [*(entry for entry in found if not entry.endswith(": added")), "password: sent again"]
    if not found:
        return Change("unchanged", item, (), body)
    reason = locked(item, body)
    return Change("locked" if reason else "update", item, tuple(found), body, reason)


def _carry_out(grafana: Grafana, change: Change) -> None:
    """Make a change, and make it once.

    A POST may have arrived although its answer was lost. So before it is sent again we look whether all is as wanted.
    """
    lost = False

    def again(error: Exception) -> bool | float:
        nonlocal lost
        lost = _posts(change) and isinstance(error, UnavailableError) and error.perhaps_done
        return lost

    def send() -> None:
        if not (lost and _made(grafana, change.item)):
            _write(grafana, change)

    grafana.patience.retrying(again)(send)


def _posts(change: Change) -> bool:
    """Say whether the change is made by a POST: the rest is safe to send again."""
    return change.item.kind == "dashboard" or (change.action == "create" and change.item.kind != "rule group")


def _made(grafana: Grafana, item: Item) -> bool:
    body = _read(grafana, item)
    return body is not None and not compare(item, body)


def _read(grafana: Grafana, item: Item) -> Body | None:
    match item.kind:
        case "folder":
            return grafana.folder(item.uid)
        case "data source":
            return grafana.data_source(item.uid)
        case "dashboard":
            return grafana.dashboard(item.uid)
        case "rule":
            return grafana.rule(item.uid)
        case "rule group":
            return grafana.rule_group(item.body["folderUid"], item.uid)


def _write(grafana: Grafana, change: Change) -> None:
    match change.action:
        case "create":
            _create(grafana, change.item)
        case "update":
            _update(grafana, change.item, change.present)
        case "delete":
            _delete(grafana, change.item)


def _create(grafana: Grafana, item: Item) -> None:
    match item.kind:
        case "folder":
            grafana.create_folder(item.uid, item.title)
        case "data source":
            grafana.create_data_source(item.body)
        case "dashboard":
            grafana.save_dashboard(item.body["dashboard"], item.body["meta"]["folderUid"])
        case "rule":
            grafana.create_rule(item.body)
        case "rule group":
            grafana.set_group_interval(item.body["folderUid"], item.uid, item.body["interval"])


def _update(grafana: Grafana, item: Item, present: Body) -> None:
    match item.kind:
        case "folder":
            grafana.rename_folder(item.uid, item.title)
        case "data source":
            grafana.update_data_source(item.uid, merged_data_source(present, item.body))
        case "dashboard":
            version = present["dashboard"]["version"]
            model = {**item.body["dashboard"], "version": version}
            grafana.save_dashboard(model, item.body["meta"]["folderUid"])
        case "rule":
            grafana.update_rule(item.uid, item.body)
        case "rule group":
            grafana.set_group_interval(item.body["folderUid"], item.uid, item.body["interval"])


def _delete(grafana: Grafana, item: Item) -> None:
    if item.kind == "rule":
        grafana.delete_rule(item.uid)
    else:
        grafana.delete_dashboard(item.uid)
