"""Requests to the ClickHouse front: statements of a grammar, methods, headers, encodings, chunks, what is cut off."""

import base64
import gzip
import zlib
from dataclasses import dataclass, field
from functools import cache
from typing import Final
from urllib.parse import quote, urlencode

from backports import zstd
from hypothesis import strategies as st

_BLANKS: Final = (
    " ",
    " ",
    " ",
    "\n",
    "\t",
    "\u00a0",
    "\u2003",
    "\u3000",
    "\ufeff",
    "\x00",
    "\x0b",
    "/**/",
    "-- x\n",
    "# y\n",
)
_TABLES: Final = (
    "kept",
    "t",
    "u",
    "system.one",
    "system.tables",
    "system.users",
    "system.grants",
    "numbers(9)",
    "nowhere",
)
_FORMATS: Final = (
    *("TSV", "JSON", "Native", "CSV", "Null", "Values", "RowBinary", "Template", "ArrowStream", "Parquet", "RawBLOB"),
    *(
        "Vertical",
        "Pretty",
        "JSONEachRow",
        "Avro",
        "Protobuf",
        "CapnProto",
        "SQLInsert",
        "Prometheus",
        "XML",
        "`TSV`",
        "?",
    ),
)
_SETTINGS: Final = (
    *("readonly", "allow_ddl", "max_threads", "format_schema", "format_template_row", "dialect", "implicit_select"),
    *(
        "max_result_bytes",
        "output_format_json_array_of_rows",
        "max_query_size",
        "profile",
        "allow_introspection_functions",
    ),
    *("session_timezone", "async_insert", "insert_deduplication_token", "log_queries", "no_such_setting"),
)
_WORDS: Final = (
    *("SELECT", "FROM", "WHERE", "INSERT INTO", "VALUES", "FORMAT", "SETTINGS", "UNION ALL", "WITH", "AS", "LIMIT 3"),
    *(
        "INTO OUTFILE",
        "FROM INFILE",
        "APPLY",
        "EXPLAIN",
        "DESCRIBE",
        "SHOW",
        "CREATE TABLE",
        "DROP TABLE",
        "ALTER TABLE",
    ),
    *("EXCHANGE TABLES", "RENAME TABLE", "ATTACH TABLE", "DETACH TABLE", "TRUNCATE", "OPTIMIZE TABLE", "GRANT", "SET"),
    *(
        "USE",
        "KILL QUERY",
        "SYSTEM",
        "BACKUP TABLE",
        "RESTORE TABLE",
        "PARALLEL WITH",
        "EXECUTE AS",
        "DEFAULT",
        "*",
        ",",
    ),
    *(
        "ENGINE =",
        "ORDER BY",
        "CREATE FUNCTION",
        "CREATE DICTIONARY",
        "CREATE USER",
        "SHOW CREATE TABLE",
        "EXISTS",
        ";",
    ),
)
METHODS: Final = (
    "GET",
    "POST",
    "POST",
    "POST",
    "HEAD",
    "PUT",
    "DELETE",
    "OPTIONS",
    "PATCH",
    "CONNECT",
    "get",
    "X" * 50,
    "",
)


@dataclass(frozen=True)
class Known:
    """What the fuzzer knows of the front: its functions, and a file that it must not show."""

    table_functions: tuple[str, ...]
    functions: tuple[str, ...]
    secret: str
    password_file: str


@dataclass(frozen=True)
class Sent:
    """A request as bytes. It ends there, or `waits` for its rest, which never comes."""

    who: str
    raw: bytes
    waits: bool = field(default=False)


@cache
def literal(known: Known) -> st.SearchStrategy[str]:
    """Return texts in every kind of quotes, closed or not; paths among them."""
    inner = st.one_of(
        st.sampled_from(
            (known.secret, known.password_file, "../../outside/secret", "/etc/passwd", "%s", "x", "1", "a,b")
        ),
        st.sampled_from(("\\'", "''", "\\", "\\x2f", "*/", "--", "\u2019", "\\0", "\x00", "{p:String}", "FORMAT CSV")),
        st.text(max_size=4),
    )
    shapes = (
        "'%s'",
        "'%s'",
        "'%s'",
        '"%s"',
        "`%s`",
        "$$%s$$",
        "$x$%s$x$",
        "'%s",
        "/*%s*/",
        "\u2018%s\u2019",
        "x'%s'",
        "b'%s'",
    )
    return st.builds(lambda shape, text: shape.replace("%s", text), st.sampled_from(shapes), inner)


@cache
def expression(known: Known) -> st.SearchStrategy[str]:
    """Return expressions, which call functions by name and nest."""
    atoms = st.one_of(
        literal(known),
        st.sampled_from(
            ("1", "-0", "1e400", "NULL", "x", "*", "0x", "NaN", "now()", "word", "{p:UInt8}", "{q:Identifier}", "?")
        ),
    )
    return st.recursive(
        atoms,
        lambda inner: st.one_of(
            st.builds("{}({})".format, st.sampled_from(known.functions), st.lists(inner, max_size=3).map(", ".join)),
            st.builds("({})".format, inner),
            st.builds("[{}]".format, st.lists(inner, max_size=3).map(",".join)),
            st.builds(
                "{} {} {}".format,
                inner,
                st.sampled_from(("+", "IN", "AS", "->", "::", ".", "=", "LIKE", "?", "[")),
                inner,
            ),
            st.builds("(SELECT {})".format, inner),
        ),
        max_leaves=6,
    )


@cache
def source(known: Known) -> st.SearchStrategy[str]:
    """Return what stands behind FROM: a table, a table function, a query."""
    called = st.builds(
        "{}{}({})".format,
        st.sampled_from(known.table_functions),
        st.sampled_from(("", "", " ", "/**/", "\u00a0")),
        st.lists(
            st.one_of(literal(known), st.sampled_from(("1", "CSV", "'CSV'", "'a String'", "kept", "TSV"))), max_size=4
        ).map(", ".join),
    )
    quoted = st.sampled_from(known.table_functions).map(lambda name: f"`{name}`('{known.secret}', 'RawBLOB')")
    return st.one_of(st.sampled_from(_TABLES), called, called, quoted, expression(known).map("(SELECT {})".format))


@cache
def statement(known: Known) -> st.SearchStrategy[str]:
    """Return statements: whole ones of each kind, and words in any order."""
    some, place, path = expression(known), source(known), literal(known)
    setting = st.builds(
        "{} = {}".format,
        st.sampled_from(_SETTINGS),
        st.one_of(path, st.sampled_from(("0", "1", "DEFAULT", "'prql'", "-1"))),
    )
    tail = st.one_of(
        st.just(""),
        st.sampled_from(_FORMATS).map(" FORMAT {}".format),
        setting.map(" SETTINGS {}".format),
        path.map(" INTO OUTFILE {}".format),
        st.builds(" INTO OUTFILE {} TRUNCATE FORMAT {} SETTINGS {}".format, path, st.sampled_from(_FORMATS), setting),
        st.builds(" SETTINGS {} FORMAT {}".format, setting, st.sampled_from(_FORMATS)),
    )
    kinds = st.one_of(
        st.builds("SELECT {} FROM {}{}".format, some, place, tail),
        st.builds("SELECT {}{}".format, some, tail),
        st.builds("SELECT * FROM {}{}".format, place, tail),
        st.builds("WITH {} AS x SELECT x{}".format, some, tail),
        st.builds("INSERT INTO {} FORMAT {}\n{}".format, place, st.sampled_from(_FORMATS), some),
        st.builds("INSERT INTO FUNCTION {} SELECT {}".format, place, some),
        st.builds("INSERT INTO t FROM INFILE {} FORMAT CSV".format, path),
        st.builds("INSERT INTO t SELECT {} FROM {}".format, some, place),
        st.builds(
            "CREATE TABLE u (x String DEFAULT {}) ENGINE = {}".format,
            some,
            st.sampled_from(("Memory", "File(CSV)", "Log")),
        ),
        st.builds("CREATE TABLE u ENGINE = MergeTree ORDER BY tuple() AS SELECT {}".format, some),
        st.builds("CREATE VIEW u AS SELECT {} FROM {}".format, some, place),
        st.builds(
            "CREATE DATABASE d ENGINE = {}({})".format,
            st.sampled_from(("Filesystem", "Overlay", "SQLite", "Atomic")),
            path,
        ),
        st.builds("DROP TABLE IF EXISTS {}".format, st.sampled_from(("t", "u", "kept", "system.one"))),
        st.builds(
            "ALTER TABLE kept {}".format,
            st.sampled_from(("DELETE WHERE 1", "ADD COLUMN y Int8", "FREEZE", "DROP PARTITION ALL")),
        ),
        st.builds(
            "EXPLAIN {} SELECT {} FROM {}".format,
            st.sampled_from(("", "AST", "SYNTAX", "PLAN", "ESTIMATE")),
            some,
            place,
        ),
        st.builds("DESCRIBE TABLE {}".format, place),
        st.builds("SET {}".format, setting),
        st.builds("SELECT * APPLY({}) FROM kept".format, st.sampled_from(known.functions)),
        st.builds("SELECT 1 PARALLEL WITH DROP TABLE {}".format, st.sampled_from(("kept", "t"))),
        st.builds("BACKUP TABLE kept TO File({})".format, path),
        st.lists(st.one_of(st.sampled_from(_WORDS), some, place), min_size=1, max_size=8).map(" ".join),
        st.builds(
            lambda bracket, many: "SELECT " + bracket * many,
            st.sampled_from("([{"),
            st.sampled_from((5, 300, 4_000, 5_000)),
        ),
    )
    return st.builds(lambda text, blank: text.replace(" ", blank), kinds, st.sampled_from(_BLANKS))


def token_of(password: str) -> str:
    """Return what stands for the owner's name and password in a header."""
    return base64.b64encode(f"default:{password}".encode()).decode()


def _packed(body: bytes, coding: str) -> bytes:
    return {"gzip": gzip.compress, "deflate": zlib.compress, "zstd": zstd.compress}.get(coding, bytes)(body)


def _chunked(body: bytes, size: int, *, ended: bool) -> bytes:
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + (b"0\r\n\r\n" if ended else b"")


def _form(body: bytes) -> bytes:
    return b'--b\r\nContent-Disposition: form-data; name="query"\r\n\r\n' + body + b"\r\n--b--\r\n"


@st.composite
def requests(draw: st.DrawFn, known: Known, password: str) -> Sent:
    """Return a request of nobody, of a reader or of the owner."""
    who = draw(st.sampled_from(("nobody", "nobody", "reader", "reader", "owner")))
    method = draw(
        st.sampled_from(METHODS) if draw(st.integers(0, 3)) == 3 else st.sampled_from(("GET", "POST", "POST"))
    )
    text = draw(statement(known)).encode("utf-8", "surrogateescape" if draw(st.booleans()) else "replace")
    params = {"max_execution_time": "2"} if who == "owner" else {}
    for _ in range(draw(st.integers(0, 2))):
        name = draw(
            st.sampled_from((*_SETTINGS, "database", "default_format", "session_id", "query_id", "param_p", "compress"))
        )
        params[name] = draw(
            st.one_of(st.sampled_from(("0", "1", "kept", "x", "local", "JSON", "\r\n", "%")), st.text(max_size=5))
        )
    in_url = method in {"GET", "HEAD"} or draw(st.integers(0, 3)) == 3
    if in_url:
        params["query"] = text.decode("utf-8", "replace")
    body = b"" if in_url else text
    headers = [("Host", draw(st.sampled_from((*("127.0.0.1", "localhost") * 6, "evil.example", "", "["))))]
    if who == "reader":
        headers.append(("X-ClickHouse-User", "grafana"))
    elif who == "owner":
        headers.append(("Authorization", f"Basic {token_of(password)}"))
    elif draw(st.integers(0, 3)) == 3:
        params["user"] = draw(st.sampled_from(("default", "page", "grafana", "", "x" * 300, "default\x00")))
        params["password"] = draw(st.sampled_from(("", "x", "\udc80".encode("utf-8", "replace").decode())))
    if draw(st.integers(0, 5)) == 5:
        body = _form(body)
        headers.append(
            ("Content-Type", f"multipart/form-data; boundary={draw(st.sampled_from(('b', 'c', '', 'b' * 80)))}")
        )
    coding = draw(st.sampled_from((*("",) * 9, "gzip", "deflate", "zstd", "br", "lz4", "snappy", "gzip, gzip")))
    if coding:
        headers.append(("Content-Encoding", coding))
        body = _packed(body, coding)
    if draw(st.integers(0, 5)) == 5:
        name = draw(
            st.sampled_from(
                ("Expect", "Upgrade", "Connection", "Origin", "Sec-Fetch-Site", "X-ClickHouse-Format", "Range")
            )
        )
        headers.append(
            (
                name,
                draw(st.sampled_from(("100-continue", "websocket", "close", "null", "cross-site", "JSON", "bytes=0-"))),
            )
        )
    headers.append(("Connection", "close"))
    return _sent(draw, who, f"{method} /?{urlencode(params, errors='replace')} HTTP/1.1\r\n", headers, body)


def _sent(draw: st.DrawFn, who: str, line: str, headers: list[tuple[str, str]], body: bytes) -> Sent:
    how = draw(st.sampled_from(("length", "length", "length", "chunks", "chunks", "both", "long", "short", "no end")))
    if how in {"chunks", "both", "no end"}:
        headers.append(("Transfer-Encoding", "chunked"))
    if how in {"length", "both", "long", "short"}:
        headers.append(("Content-Length", str(max(len(body) + {"long": 9, "short": -3}.get(how, 0), 0))))
    if how in {"chunks", "both", "no end"}:
        body = _chunked(body, draw(st.sampled_from((1, 7, 1_000))) if len(body) < 500 else 1_000, ended=how != "no end")
    head = line + "".join(f"{name}: {value}\r\n" for name, value in headers)
    raw = bytearray(head.encode("latin-1", "replace") + b"\r\n" + body)
    wounds = draw(st.sampled_from((0, 0, 0, 0, 0, 1, 3)))
    for _ in range(wounds):
        at = draw(st.integers(0, len(raw) - 1))
        wound = draw(
            st.sampled_from((b"", b"\r\n", b"\x00", b"'", b"(", b"%", b"\xff", b"A" * 5_000, quote("\u202e").encode()))
        )
        raw[at : at + draw(st.integers(0, 3))] = wound
    cut = draw(st.integers(0, 9)) == 9
    if cut:
        del raw[draw(st.integers(1, max(len(raw) - 1, 1))) :]
    return Sent(who, bytes(raw), waits=cut or wounds > 0 or how in {"long", "no end"})
