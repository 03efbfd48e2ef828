"""Attacks by HTTP: on ClickHouse's port and on the page."""

import gzip
import json
import zlib
from collections.abc import Callable, Sequence
from typing import Any, Final

import brotli
import lz4.frame
import pyarrow as pa

from bench.attacks.attack import Attack, Target
from bench.attacks.sending import Sending, asking, endless, getting, kept_up, nobody, owner, reader
from schema.clickhouse import connect

_FRAME_BYTES: Final = 64 << 20
_NOWHERE: Final = "CREATE TABLE IF NOT EXISTS local.zeros (zero UInt64) ENGINE = Null"
_FRAMES: Final = 96
"""So many frames of zeros hold 6 GiB."""


def _bombs() -> dict[str, bytes]:
    """Return 6 GiB of zeros by the name of their coding."""
    zeros = bytes(_FRAME_BYTES)
    frames: dict[str, bytes] = {
        "zstd": pa.Codec("zstd").compress(zeros, asbytes=True),
        "gzip": gzip.compress(zeros, 1),
        "deflate": zlib.compress(zeros, 1),
        "lz4": lz4.frame.compress(zeros),
        "br": brotli.compress(zeros, quality=1),
    }
    return {coding: frame * _FRAMES for coding, frame in frames.items()}


def _packed_statements(target: Target) -> Callable[[], None]:
    sendings = [
        Sending(asking(who(target), body, headers=f"Content-Encoding: {coding}\r\n"))
        for coding, body in _bombs().items()
        for who in (reader, nobody, owner)
    ]
    return kept_up(target.port_of_store(), sendings, 20)


def _packed_inserts(target: Target) -> Callable[[], None]:
    with connect(target.clickhouse) as client:
        client.command(_NOWHERE)
    insert = "/?query=INSERT%20INTO%20local.zeros%20FORMAT%20RowBinary"
    sendings = [
        Sending(asking(owner(target), body, path=insert, headers=f"Content-Encoding: {coding}\r\n"))
        for coding, body in _bombs().items()
    ]
    return kept_up(target.port_of_store(), sendings, 20)


def _statements(at_once: int, statements: Sequence[str], **sending: Any) -> Callable[[Target], Callable[[], None]]:
    """Return what sends these as the reader."""

    def prepare(target: Target) -> Callable[[], None]:
        sendings = [Sending(asking(reader(target), one.encode()), **sending) for one in statements]
        return kept_up(target.port_of_store(), sendings, at_once)

    return prepare


def _hard_to_parse(target: Target) -> Callable[[], None]:
    texts = [
        b"INSERT " + b"/*a" * 50_000,
        b"INSERT " + b"( " * 5_000_000,
        b"SELECT " + b"((1)," * 30_000,
        b"SELECT " + b"(" * 4_000 + b"1" + b")" * 4_000,
        b"SELECT " + b"[" * 2_000 + b"'a' AS b, " + b"]" * 2_000,
        b"SELECT 1" + b" + 1" * 15_000,
    ]
    sendings = [Sending(asking(who(target), text)) for text in texts for who in (reader, nobody, owner)]
    return kept_up(target.port_of_store(), sendings, 40)


def _endless_bodies(target: Target) -> Callable[[], None]:
    with connect(target.clickhouse) as client:
        client.command(_NOWHERE)
    insert = "INSERT INTO local.zeros FORMAT RowBinary"
    sendings = [
        endless(who(target), start, pause_s=pause_s)
        for pause_s in (0.0, 0.2)
        for who, start in ((reader, ""), (nobody, ""), (reader, "SELECT 1"), (owner, ""), (owner, insert))
    ]
    return kept_up(target.port_of_store(), sendings, 200)


def _asks_of_the_page(target: Target) -> Callable[[], None]:
    of_json = "Content-Type: application/json\r\n"
    nonsense = json.dumps({"board": ["x"]}).encode()
    large = json.dumps({"board": "x" * 900_000, "variables": [["x"]] * 10_000}).encode()
    deep = b'{"board":' + b"[" * 100_000
    sendings = [Sending(asking("", body, path="/api/query", headers=of_json)) for body in (nonsense, large, deep)]
    return kept_up(target.port_of_page(), sendings, 40)


def _polled(target: Target) -> Callable[[], None]:
    paths = ("/summary.json", "/healthz", "/api/alerts", "/summary.json", "/api/boards")
    return kept_up(target.port_of_page(), [Sending(getting(path)) for path in paths], 40)


_SLEEPS: Final = ("SELECT sleepEachRow(1) FROM numbers(60) SETTINGS max_block_size = 1 FORMAT TSV",)
_HEAVY: Final = ("SELECT count() FROM numbers_mt(1000000000000) WHERE cityHash64(number) = 1",)
_LARGE: Final = (
    "SELECT groupArray(number) FROM numbers_mt(1000000000)",
    "SELECT number FROM numbers_mt(1000000000) ORDER BY cityHash64(number) FORMAT Null",
    "SELECT uniqExact(number) FROM numbers_mt(1000000000)",
    "SELECT number % 100000007 AS k, count() FROM numbers_mt(1000000000) GROUP BY k FORMAT Null",
    "SELECT repeat('x', 1000000) FROM numbers(2000) FORMAT JSON",
)
_UNREAD: Final = (
    "SELECT * FROM numbers(1000000000000) FORMAT TSV",
    "SELECT repeat('x', 1000000) FROM numbers(800) FORMAT JSON",
)

REQUESTS: Final = (
    Attack("bombs", "6 GiB of zeros packed into a statement, in five codings, 20 at once", _packed_statements),
    Attack("inserts", "the same as the owner's inserts, 20 at once", _packed_inserts),
    Attack("sleeps", "queries that sleep for a minute, 40 at once", _statements(40, _SLEEPS)),
    Attack("heavy", "queries that compute without end, 40 at once", _statements(40, _HEAVY)),
    Attack("memory", "queries that sort, group and gather a billion numbers, 40 at once", _statements(40, _LARGE)),
    Attack("unread", "large answers of which a byte a second is read, 40", _statements(40, _UNREAD, sips_every_s=1.0)),
    Attack("parsing", "comments, brackets and sums without end, with and without login, 40 at once", _hard_to_parse),
    Attack("endless", "bodies that never end, fast and dripping, with and without login, 200", _endless_bodies),
    Attack("page", "nonsense asked of the page, 40 at once", _asks_of_the_page),
    Attack("polling", "summary, health and alerts of the page, polled by 40 at once", _polled),
)
