"""Grafana's plugin talks through clickhouse-go: its requests, and its decoding of the answers."""

import struct

import urllib3

from local.clickhouse.grafana import hello_block

HELLO = "SELECT displayName(), version(), revision(), timezone()"
AGENT = "grafana/13.0 clickhouse-go/2.47.0 (lv:go/1.26; os:linux)"
PLUGIN = {
    "client_protocol_version": "54460",
    "database": "default",
    "default_format": "Native",
    "max_execution_time": "65",
}


def ask(front, sql, **more):
    """Send a query as the plugin does."""
    headers = urllib3.make_headers(basic_auth="grafana:") | {"User-Agent": AGENT, "Accept-Encoding": "gzip"}
    return front.raw(sql, headers=headers, **PLUGIN, **more)


class Reader:
    """Reads a Native block as clickhouse-go does: the layout depends on the revision."""

    def __init__(self, raw, revision):
        self.raw, self.at, self.revision = raw, 0, revision

    def take(self, size):
        """Take raw bytes."""
        self.at += size
        return self.raw[self.at - size : self.at]

    def varint(self):
        """Take a number of variable length."""
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7

    def text(self):
        """Take a string after its length."""
        return self.take(self.varint()).decode()

    def block(self):
        """Take a block: columns of name, type and values."""
        if self.revision > 0:
            assert self.take(2) == b"\x01\x00"  # field 1: no overflows
            assert self.take(5) == b"\x02\xff\xff\xff\xff"  # field 2: bucket -1
            assert self.take(1) == b"\x00"
        columns, rows = self.varint(), self.varint()
        return [self.column(rows) for _ in range(columns)]

    def column(self, rows):
        """Take one column."""
        name, kind = self.text(), self.text()
        if self.revision >= 54454:
            assert self.take(1) == b"\x00"  # no custom serialization
        sizes = {"UInt8": "<B", "UInt32": "<I", "UInt64": "<Q", "Float64": "<d"}
        if kind == "String":
            return name, kind, [self.text() for _ in range(rows)]
        code = sizes[kind]
        return name, kind, [struct.unpack(code, self.take(struct.calcsize(code)))[0] for _ in range(rows)]


def test_the_block_is_exactly_as_the_driver_decodes_it():
    """Preamble, four columns, one row, and a zero byte before each value."""
    assert hello_block("g", "1.2") == (
        b"\x01\x00\x02\xff\xff\xff\xff\x00\x04\x01"
        b"\x0ddisplayName()\x06String\x00\x01g"
        b"\x09version()\x06String\x00\x031.2"
        b"\x0arevision()\x06UInt32\x00\x00\x00\x00\x00"
        b"\x0atimezone()\x06String\x00\x03UTC"
    )


def test_the_greeting_is_decoded_at_the_driver_s_revision_and_tells_revision_0(front):
    """From then on the driver decodes as the engine writes."""
    answer = ask(front, HELLO)
    reader = Reader(answer.data, 54460)
    columns = reader.block()

    assert answer.status == 200
    assert reader.at == len(answer.data)
    assert [name for name, _, _ in columns] == ["displayName()", "version()", "revision()", "timezone()"]
    assert columns[2][1:] == ("UInt32", [0])
    assert columns[3][2] == ["UTC"]


def test_the_ping_returns_one_column_named_1(front):
    """The health check is the greeting and this."""
    answer = ask(front, "SELECT 1")

    assert Reader(answer.data, 0).block() == [("1", "UInt8", [1])]
    assert "Content-Encoding" not in answer.headers


def test_a_panel_s_query_comes_as_native_at_revision_0(front):
    """Settings that the plugin sends are taken, even those that this engine does not know."""
    sql = "SELECT toUInt32(1700000000) AS time, 'h100' AS model, 1.5 AS watts"
    answer = ask(front, sql, max_threads="4", some_newer_setting="1")

    assert answer.headers["X-ClickHouse-Format"] == "Native"
    assert Reader(answer.data, 0).block() == [
        ("time", "UInt32", [1700000000]),
        ("model", "String", ["h100"]),
        ("watts", "Float64", [1.5]),
    ]


def test_a_panel_s_error_is_a_status_and_a_text(front):
    """The plugin shows what follows `DB::Exception`."""
    answer = ask(front, "SELECT nope")

    assert answer.status == 404
    assert b"DB::Exception" in answer.data


def test_the_greeting_is_an_ordinary_query_to_everyone_else(front):
    """clickhouse-connect and curl get the engine's own revision."""
    ordinary = front.ask(HELLO, default_format="Native")
    connect = front.ask(
        HELLO,
        default_format="Native",
        client_protocol_version="54460",
        headers={"User-Agent": "clickhouse-connect/1"},
    )

    for answer in (ordinary, connect):
        columns = Reader(answer.data, 0).block()
        assert columns[2][2][0] > 54460
        assert columns[3][2] == ["UTC"]
