"""Where a key stands in a TOML text: `tomllib` forgets positions, and an operator needs the line.

Good enough for messages, not a parser: it is asked only about a text that `tomllib` has already read.
"""

import re
from collections.abc import Sequence
from typing import Final

Step = str | int
"""A key of a table, or the index of a table in an array of tables."""

_HEADER: Final = re.compile(r"^\s*(\[\[|\[)\s*([^\[\]]+?)\s*\]")
_KEY: Final = re.compile(r"^\s*((?:[\w-]+|\"[^\"]*\"|'[^']*')(?:\s*\.\s*(?:[\w-]+|\"[^\"]*\"|'[^']*'))*)\s*=")
_PART: Final = re.compile(r"[\w-]+|\"[^\"]*\"|'[^']*'")


def line_of(text: str, path: Sequence[Step]) -> int:
    """Return the line (from 1) of the key or table at `path`, or of its nearest parent that has a line.

    `path` is like `("pool", 2, "count")`: key `count` of the third `[[pool]]`.
    """
    lines = _lines(text)
    for end in range(len(path), 0, -1):
        if tuple(path[:end]) in lines:
            return lines[tuple(path[:end])]
    return 1


def _lines(text: str) -> dict[tuple[Step, ...], int]:
    lines: dict[tuple[Step, ...], int] = {}
    counts: dict[tuple[Step, ...], int] = {}
    table: tuple[Step, ...] = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            table = tuple(_parts(header[2]))
            if header[1] == "[[":
                counts[table] = counts.get(table, -1) + 1
                table = (*table, counts[table])
        elif key := _KEY.match(line):
            lines.setdefault((*table, *_parts(key[1])), number)
            continue
        else:
            continue
        for end in range(1, len(table) + 1):
            lines.setdefault(table[:end], number)
    return lines


def _parts(dotted: str) -> list[str]:
    return [part.strip("\"'") for part in _PART.findall(dotted)]
