"""Makes the files that Grafana, Prometheus and the local page read, out of the boards and the rules.

They are checked in: what changes in a board is seen as it will be read, and whoever only uses them needs no generator.
A test makes them again and compares.
"""

import importlib
import json
import pkgutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from dashboards import boards, itself
from dashboards.alerting_files import alerting_files
from dashboards.sdk import Board, JSONEncoder
from schema.errors import GigawattError

FOLDER: Final = Path(__file__).parent
"""Where the files are checked in."""


def found() -> Iterator[tuple[str, Board]]:
    """Yield the name of each file in `boards/` and the board that it builds, by name."""
    for module in sorted(pkgutil.iter_modules(boards.__path__), key=lambda module: module.name):
        yield module.name, importlib.import_module(f"{boards.__name__}.{module.name}").build()


def files() -> Mapping[str, str]:
    """Return the text of each file by its path from `FOLDER`."""
    made = {f"json/{name}.json": _text(board) for name, board in found()}
    return made | {itself.PATH: _text(itself.itself())} | alerting_files()


def _text(board: Board) -> str:
    return json.dumps(board, cls=JSONEncoder, sort_keys=True, indent=2, ensure_ascii=False) + "\n"


def differing(folder: Path = FOLDER) -> list[str]:
    """Return the paths that are not in the folder as they would be made, or that nothing makes any more."""
    made = files()
    there = {
        path.relative_to(folder).as_posix(): path.read_text("utf-8")
        for pattern in ("json/*.json", "alerting/*.yaml", "prometheus/*")
        for path in sorted(folder.glob(pattern))
    }
    return sorted(path for path in made.keys() | there.keys() if made.get(path) != there.get(path))


def write(folder: Path = FOLDER) -> list[str]:
    """Bring the folder up to date and return the paths that changed. Raises `GigawattError` where it cannot."""
    made, changed = files(), differing(folder)
    try:
        for path in changed:
            if path in made:
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_text(made[path], "utf-8")
            else:
                (folder / path).unlink()
    except OSError as error:
        raise GigawattError(
            f"cannot write {error.filename}: {error.strerror}; name another folder with --to"
        ) from error
    return changed
