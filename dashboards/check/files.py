"""The check of what is checked in as it is, without a Grafana and without a ClickHouse."""

import json
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import yaml

from dashboards.check import looks, rule_files
from dashboards.check.complaint import Problem
from dashboards.page.boards import Board


def problems(folder: Traversable | None = None) -> Iterator[Problem]:
    """Give what a Grafana would show wrongly or not take, of the files in a folder or of those that are shipped."""
    root = files("dashboards") if folder is None else folder
    boards = {file.name: Board(json.loads(file.read_text("utf-8"))) for file in _files(root, "json", ".json")}
    for name, board in boards.items():
        for id_, panel in board.panels.items():
            for complaint in looks.unfit(panel):
                yield Problem(f"json/{name}", f'panel {id_} "{panel.get("title", "")}"', complaint)
    panels = {(board.uid, id_) for board in boards.values() for id_ in board.panels}
    groups: list[dict[str, Any]] = []
    for file in _files(root, "alerting", ".yaml"):
        found = (yaml.safe_load(file.read_text("utf-8")) or {}).get("groups", [])
        groups += found
        for rule in (rule for group in found for rule in group.get("rules", ())):
            for complaint in rule_files.unfit(rule, panels):
                yield Problem(f"alerting/{file.name}", f"rule {rule['uid']}", complaint)
    for file in _files(root, "provisioning", ".yaml"):
        for provider in (yaml.safe_load(file.read_text("utf-8")) or {}).get("providers", ()):
            for complaint in rule_files.two_folders(provider, groups):
                yield Problem(f"provisioning/{file.name}", f"provider {provider.get('name')}", complaint)


def _files(root: Traversable, name: str, ending: str) -> list[Traversable]:
    folder = root.joinpath(name)
    found = [one for one in folder.iterdir() if one.name.endswith(ending)] if folder.is_dir() else []
    return sorted(found, key=lambda one: one.name)
