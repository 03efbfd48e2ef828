"""What a Grafana would make of provisioning files: one folder, links that lead somewhere, texts that can be filled in.

Read in Grafana 12.2 (`provisioning/alerting/rules_provisioner.go`, `provisioning/dashboards/file_reader.go`,
`ngalert/state/template`) and seen on 11.1.3 and 12.2.0.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final

from dashboards.check.complaint import Complaint

_ACTION: Final = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}")
_USED: Final = re.compile(r"\$(?:values|labels)\.\w+")
_RUNBOOK: Final = re.compile(r"\{\{ externalURL \}\}d/([\w-]+)\?viewPanel=(\d+)")


def two_folders(provider: Mapping[str, Any], groups: Collection[Mapping[str, Any]]) -> Iterator[Complaint]:
    """Say why dashboards and rules would lie in two folders. Rules come first and name theirs by title."""
    if provider.get("folderUid"):
        yield Complaint(
            "folderUid requests a second folder next to that of the rules' files", "name the folder by its title only"
        )
    for title in sorted({str(group.get("folder")) for group in groups} - {str(provider.get("folder"))}):
        yield Complaint(f"the rules are in {title}, the dashboards in {provider.get('folder')}", "use one title")


def unfit(rule: Mapping[str, Any], panels: Collection[tuple[str, int]]) -> Iterator[Complaint]:
    """Say what of a rule in a file would not reach who is told; `panels` are uids of boards and ids."""
    annotations = rule.get("annotations", {})
    named = (annotations.get("__dashboardUid__"), str(annotations.get("__panelId__")))
    if named not in {(uid, str(id_)) for uid, id_ in panels}:
        yield Complaint(
            "its annotations name no panel, so notifications have no link", "add __dashboardUid__ and __panelId__"
        )
    elif named != (rule.get("dashboardUid"), str(rule.get("panelId"))):
        yield Complaint("its annotations name another panel than its keys", "name one panel")
    runbook = _RUNBOOK.fullmatch(str(annotations.get("runbook_url", "")))
    if runbook is None or (runbook[1], int(runbook[2])) not in panels:
        yield Complaint(
            "its runbook_url is a dead link", "write {{ externalURL }}d/UID?viewPanel=ID of a panel that exists"
        )
    for name, text in sorted(annotations.items()):
        for used in unguarded(str(text)):
            yield Complaint(
                f"{name} cannot be filled in where {used} is missing, as after an error",
                f"put it into {{{{ with {used} }}}}",
            )


def unguarded(template: str) -> list[str]:
    """Return the values and labels that a template uses where they may be missing: outside a `with` or `if` of them.

    Where there is a value, its labels are there, too.
    """
    open_: list[set[str]] = []
    found: list[str] = []
    for action in _ACTION.findall(template):
        word, _, rest = action.partition(" ")
        used = {one for one in _USED.findall(action) if not (_holds_values(open_) and one.startswith("$labels."))}
        if word in ("with", "if", "range"):
            open_.append({rest.strip()} if _USED.fullmatch(rest.strip()) else set())
            used -= open_[-1]
        elif word == "else" and open_:
            open_[-1] = set()
        elif word == "end" and open_:
            open_.pop()
        found += sorted(used - set().union(*open_))
    return found


def _holds_values(open_: Iterable[set[str]]) -> bool:
    return any(name.startswith("$values.") for held in open_ for name in held)
