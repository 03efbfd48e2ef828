"""How `gigawatt bench` shows its figures: as a table, and as JSON in a file."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from rich.table import Table

from dashboards.live.console import Console
from schema.errors import GigawattError
from schema.terminal import say

_FILE_WIDTH: Final = 200
"""A file is as wide as it needs to be; a terminal knows its width."""


def tell(line: str) -> None:
    """Say what goes on."""
    say(line, err=True)


def require_writable(path: Path | None, flag: str) -> None:
    """Raise `GigawattError` now, and not when all is measured, for a file that cannot be written."""
    if path is not None:
        try:
            path.open("a").close()
        except OSError as error:
            raise GigawattError(f"cannot write {path} ({error.strerror}); choose another file with {flag}") from error


def write(path: Path | None, figures: Any) -> None:
    """Write figures as JSON, where that is wished for."""
    if path is not None:
        path.write_text(json.dumps(figures, indent=2) + "\n")


def show(figures: Sequence[Sequence[str]], *, words: int = 0) -> None:
    """Show rows of text, the first as heads; all columns but the first are numbers, but for the last `words`."""
    head, *rows = figures
    shown = Table(box=None)
    shown.add_column(head[0])
    for left, name in enumerate(head[1:], 1 - len(head)):
        if -left > words:
            shown.add_column(name, justify="right", no_wrap=True)
        else:
            shown.add_column(name)
    for row in rows:
        shown.add_row(*row)
    Console(width=None if sys.stdout.isatty() else _FILE_WIDTH).print(shown)
