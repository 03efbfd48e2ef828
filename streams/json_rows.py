"""Rejected rows of a message of JSON lines, in the producer's own words: their lines, each with the reason."""

import json
from collections.abc import Sequence
from typing import Any, Final

from schema import wire
from schema.encoding import NDJSON
from schema.ndjson import json_object
from schema.samples import Rows

_REASON: Final = b'"reason"'


def lines_of(value: bytes | None, content_type: str | None, rows: int) -> list[bytes] | None:
    """Return the line of each of a message's rows; None for a message in Arrow, or whose lines are not its rows."""
    if value is None or (content_type or wire.told_apart(value)) != NDJSON:
        return None
    lines = [line for line in value.splitlines() if line.strip()]
    return lines if len(lines) == rows else None


def said(line: bytes) -> dict[str, Any]:
    """Return the fields of a line; none for what is no JSON object."""
    return json_object(line) or {}


def letter(lines: Sequence[bytes], rows: Rows, reason: str) -> bytes:
    """Return the lines of some rows, each object with a `reason` at its end; what is no object stays as it is."""
    return b"".join(_with_reason(lines[row], reason) + b"\n" for row in rows.tolist())


def _with_reason(line: bytes, reason: str) -> bytes:
    line = line.strip()
    # A dead letter that was sent in again keeps only its newest reason, and an object may begin with a byte order mark.
    if _REASON in line or not line.startswith(b"{"):
        found = json_object(line)
        return line if found is None else json.dumps({**found, "reason": reason}).encode()
    if not line.endswith(b"}"):
        return line
    inside = line[1:-1].strip()
    return b'{%s%s"reason": "%s"}' % (inside, b", " if inside else b"", reason.encode())
