"""The Native block that tells the columns of an empty result, which chDB leaves out and ClickHouse sends."""

import json
import re
from collections.abc import Sequence

Columns = Sequence[tuple[str, str]]
"""Names and types."""

_NATIVE_AT_END = re.compile(rb"\bFORMAT\s+Native(?=\s*;?\s*(?:--[^\n]*)?\s*\Z)", re.IGNORECASE)
_SEMICOLON_AT_END = re.compile(rb";(?=\s*(?:--[^\n]*)?\s*\Z)")


def describing(sql: bytes) -> bytes:
    """Return the statement that names columns and types of a query without running it, as JSON rows."""
    return b"DESCRIBE TABLE (\n" + _SEMICOLON_AT_END.sub(b"", _NATIVE_AT_END.sub(b"", sql)) + b"\n) FORMAT JSON"


def telling_columns(sql: bytes) -> bytes:
    """Return the query with its result as JSON, which names columns and types of an empty result, too."""
    return _NATIVE_AT_END.sub(b"FORMAT JSON", sql)


def described_columns(answer: bytes) -> Columns | None:
    """Return names and types out of the answer to `describing`; None where the query itself would name them otherwise.

    A scalar subquery without a name is `_subquery1`, counted from where the analysis begins.
    """
    columns = [(row["name"], row["type"]) for row in json.loads(answer)["data"]]
    return None if any("_subquery" in name for name, _ in columns) else columns


def told_columns(answer: bytes) -> Columns:
    """Return names and types out of a JSON answer."""
    return [(column["name"], column["type"]) for column in json.loads(answer)["meta"]]


def empty_block(columns: Columns) -> bytes:
    """Return a Native block (revision 0) of no rows with columns of these names and types."""
    head = _varint(len(columns)) + _varint(0)
    return head + b"".join(_text(name) + _text(kind) for name, kind in columns)


def _text(value: str) -> bytes:
    raw = value.encode()
    return _varint(len(raw)) + raw


def _varint(number: int) -> bytes:
    parts = bytearray()
    while number > 0x7F:  # noqa: PLR2004  seven bits a byte, the eighth says that more follow
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*parts, number))
