"""Runbooks: what to do about each alert. The text of docs/runbooks.md, to which alerts link."""

import re
from pathlib import Path
from typing import Final

from dashboards.board import Row, board
from dashboards.names import RUNBOOKS_UID
from dashboards.panels import text
from dashboards.rule import load_rules
from dashboards.sdk import Board, Panel
from schema.errors import GigawattError

_TEXT: Final = Path(__file__).parents[2] / "docs" / "runbooks.md"
_HEADING: Final = re.compile(r"^## (.+)$", re.MULTILINE)
_LINK: Final = re.compile(r"\[([^\]]*)\]\((?!https?:)[^)]*\)")
"""Links to other files of ours lead nowhere here."""


def build() -> Board:
    """Return the board. Raises `GigawattError` where there is no text of runbooks."""
    introduction, sections = read(_TEXT)
    rules = [(rule.runbook_panel, rule.title, sections[rule.anchor]) for rule in load_rules()]
    return board(
        RUNBOOKS_UID,
        "Runbooks",
        "What each alert means, how to diagnose it, how to fix it, and when it is a false positive. Alerts link here.",
        [
            Row(100, "Of all alerts", [text(101, "How to read them", "Of all alerts.", introduction, height=12)]),
            Row(200, "One by one", [_runbook(*rule) for rule in sorted(rules)]),
        ],
        refresh="1m",
    )


def _runbook(id_: int, title: str, content: str) -> Panel:
    return text(id_, title, f"What to do about the alert {title}.", content, width=12, height=11)


def read(path: Path) -> tuple[str, dict[str, str]]:
    """Return what stands before the first rule's heading, and the text of each rule by its anchor."""
    try:
        whole = _LINK.sub(r"\1", path.read_text("utf-8"))
    except OSError as error:
        raise GigawattError(f"cannot read {path}: {error.strerror}; build in a checkout of the repository") from error
    before, *parts = _HEADING.split(whole)
    introduction = before.split("\n", 1)[1]
    return introduction, {
        title.lower().replace(" ", "-"): content for title, content in zip(parts[::2], parts[1::2], strict=True)
    }
