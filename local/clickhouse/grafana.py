"""The first words of Grafana's ClickHouse plugin, whose Go driver decodes them at its own protocol revision.

The driver asks every new connection for its name, version, revision and time zone, decodes that answer at
the revision that it claimed itself (54460), and every later block at the revision that the answer told it.
The engine writes Native at revision 0. So the front writes this one answer by hand, in the newer layout, and
tells revision 0 in it: from then on both sides speak the same layout.
"""

import struct

from local.clickhouse.protocol import Request

_HELLO = b"SELECT displayName(), version(), revision(), timezone()"
# From this revision on a block has a preamble, and each column a byte for custom serialization.
_NEW_LAYOUT_REVISION = 54454
_BLOCK_INFO = b"\x01\x00\x02\xff\xff\xff\xff\x00"


def is_hello(request: Request, sql: bytes) -> bool:
    """Tell whether this is the Go driver's greeting; clickhouse-connect never needs the hand-made block."""
    return (
        request.revision >= _NEW_LAYOUT_REVISION
        and sql.strip(b" \t\r\n;") == _HELLO
        and not request.client.startswith("clickhouse-connect")
    )


def hello_block(display_name: str, version: str) -> bytes:
    """Give the greeting's answer: one row, in the layout of revision 54454 and newer, telling revision 0."""
    columns = (
        ("displayName()", "String", _text(display_name)),
        ("version()", "String", _text(version)),
        ("revision()", "UInt32", struct.pack("<I", 0)),
        ("timezone()", "String", _text("UTC")),
    )
    head = _BLOCK_INFO + bytes((len(columns), 1))
    return head + b"".join(_text(name) + _text(kind) + b"\x00" + value for name, kind, value in columns)


def _text(value: str) -> bytes:
    raw = value.encode()
    return bytes((len(raw),)) + raw
