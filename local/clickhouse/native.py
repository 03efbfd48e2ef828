"""The Native block that tells the columns of an empty result, which chDB leaves out and ClickHouse sends."""

import json
import re

_NATIVE_AT_END = re.compile(rb"\bFORMAT\s+Native(?=\s*;?\s*(?:--[^\n]*)?\s*\Z)", re.IGNORECASE)


def telling_columns(sql: bytes) -> bytes:
    """Return the query with its result as JSON, which names columns and types of an empty result, too."""
    return _NATIVE_AT_END.sub(b"FORMAT JSON", sql)


def empty_block(answer: bytes) -> bytes:
    """Return a Native block (revision 0) of no rows with the columns that a JSON answer names."""
    columns = json.loads(answer)["meta"]
    head = _varint(len(columns)) + _varint(0)
    return head + b"".join(_text(column["name"]) + _text(column["type"]) for column in columns)


def _text(value: str) -> bytes:
    raw = value.encode()
    return _varint(len(raw)) + raw


def _varint(number: int) -> bytes:
    parts = bytearray()
    while number > 0x7F:  # noqa: PLR2004  seven bits a byte, the eighth says that more follow
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*parts, number))
