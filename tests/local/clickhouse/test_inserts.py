"""Inserts through the ordinary client, and as plain requests."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlencode

import cramjam
import psutil
import pyarrow as pa
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from tests.local.clickhouse.conftest import wait_until


def total(client, table):
    """Count and sum what is stored."""
    return client.query(f"SELECT count(), sum(a) FROM {table}").result_rows[0]


def test_rows_are_stored_when_the_answer_comes(client, table):
    """An answer means stored, and the summary counts the rows."""
    summary = client.insert(table, [[1, "x"], [2, "y"]], column_names=["a", "b"])

    assert summary.written_rows == 2
    assert total(client, table) == (2, 3)


@pytest.mark.parametrize("compress", [True, "lz4", "zstd", "gzip", False])
def test_native_inserts_of_every_compression(front, client, table, compress):
    """The client compresses block by block."""
    with front.client(compress=compress) as other:
        other.insert(table, [[n, str(n)] for n in range(50_000)], column_names=["a", "b"])

    assert total(client, table) == (50_000, 50_000 * 49_999 // 2)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "lz4", "zstd", "br"])
def test_raw_inserts_of_every_compression(client, table, coding):
    """The statement then stands in the URL."""
    codec = cramjam.zlib if coding == "deflate" else getattr(cramjam, "brotli" if coding == "br" else coding)
    client.raw_insert(
        table,
        column_names=["a", "b"],
        insert_block=bytes(codec.compress(b"1,x\n2,y\n")),
        fmt="CSV",
        compression=coding,
    )

    assert total(client, table) == (2, 3)


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("INSERT INTO {t} FORMAT CSV", b"1,x\n2,y\n"),
        ("INSERT INTO {t} FORMAT CSV\n1,x", b"2,y"),
        ("INSERT INTO {t} (a) FORMAT JSONEachRow", b'{"a": 1} {"a": 2}'),
        ("INSERT INTO {t} VALUES", b"(1, 'x'), (2, upper('y'))"),
        ("INSERT INTO {t}", b"FORMAT TSV\n1\tx\n2\ty"),
        ("INSERT INTO {t} SELECT number + 1, 'x' FROM", b"numbers(2)"),
        ("", b"INSERT INTO {t} VALUES (1, 'x'), (2, 'y')"),
        ("", b"INSERT INTO {t} SETTINGS max_threads = 1 FORMAT CSV 1,x\n2,y"),
    ],
)
def test_a_statement_is_found_in_url_or_body(front, client, table, query, body):
    """Wherever it ends, the data begins there."""
    query = query.replace("{t}", table)
    answer = front.ask(body.replace(b"{t}", table.encode()), **({"query": query} if query else {}))

    assert (answer.status, answer.data) == (200, b"")
    assert '"written_rows": "2"' in answer.headers["X-ClickHouse-Summary"]
    assert total(client, table) == (2, 3)


def test_parameters_work_in_the_head_of_an_insert(front, client, table):
    """And leave nothing behind for the next request."""
    front.ask("INSERT INTO {t:Identifier} FORMAT CSV\n1,x", param_t=table)

    assert total(client, table) == (1, 1)
    assert front.ask("SELECT {t:Identifier}").status == 500


def test_a_block_with_a_known_token_is_stored_once(client, table):
    """Delivering again changes nothing, in the table and behind its materialized view."""
    client.command(
        f"CREATE MATERIALIZED VIEW {table}_view ENGINE = SummingMergeTree ORDER BY b "
        f"SETTINGS non_replicated_deduplication_window = 1000 AS SELECT b, sum(a) AS a FROM {table} GROUP BY b"
    )
    rows = pa.table({"a": pa.array([1, 2], pa.uint64()), "b": ["x", "x"]})
    for token in ("one", "one", "two", "it's"):
        settings = {
            "insert_deduplication_token": token,
            "deduplicate_blocks_in_dependent_materialized_views": 1,
        }
        client.insert_arrow(table, rows, settings=settings)
    kept = client.command(f"SELECT sum(a) FROM {table}_view")
    client.command(f"DROP VIEW {table}_view SYNC")

    assert total(client, table) == (6, 9)
    assert kept == 9


def test_bodies_larger_than_a_part_are_streamed(front, client, table):
    """20 MB in chunks of odd sizes, whole and in order."""
    lines = [b"%d,%s\n" % (number, b"x" * 50) for number in range(330_000)]
    chunks = [b"".join(lines[at : at + 999]) for at in range(0, len(lines), 999)]
    answer = front.ask(iter(chunks), query=f"INSERT INTO {table} FORMAT CSV")

    assert answer.status == 200
    assert total(client, table) == (330_000, 330_000 * 329_999 // 2)


def test_broken_data_is_an_error_and_the_next_request_works(front, client, table):
    """With ClickHouse's code for it."""
    with pytest.raises(DatabaseError, match="code: 27"):
        client.raw_insert(table, insert_block=b"x\ty\n", fmt="TSV")
    assert front.ask(b"\x00", query=f"INSERT INTO {table} FORMAT Arrow").status >= 400
    assert front.ask(b"zz", query=f"INSERT INTO {table} FORMAT CSV", headers={"Content-Encoding": "gzip"}).status >= 400

    assert total(client, table) == (0, 0)


def test_an_unknown_table_is_told_even_after_a_large_body(front):
    """The body is read to its end, so that the client gets to the answer."""
    answer = front.ask(b"1\n" * 10_000_000, query="INSERT INTO nope FORMAT CSV")

    assert answer.headers["X-ClickHouse-Exception-Code"] == "60"


def test_many_small_inserts_are_merged(client, table):
    """The engine's background threads keep the number of parts down."""
    for number in range(60):
        client.insert(table, [[number, "x"]], column_names=["a", "b"])
    parts = f"SELECT count() FROM system.parts WHERE active AND table = '{table}'"

    wait_until(lambda: client.command(parts) < 20)
    assert total(client, table) == (60, 1770)


@contextmanager
def unfinished_inserts(front, table: str, many: int) -> Iterator[None]:
    """Begin inserts of which more than their first mebibyte came, and go away at the end."""
    query = urlencode({**front.owner, "query": f"INSERT INTO {table} (a) FORMAT RowBinary"})
    head = f"POST /?{query} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    chunk = b"10000\r\n" + bytes(1 << 16) + b"\r\n"
    with ExitStack() as stack:
        for _ in range(many):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", front.port)))
            connection.sendall(head + 32 * chunk)
        yield


def test_an_insert_that_is_here_waits_for_none_of_which_more_is_to_come(front, client, table):
    with unfinished_inserts(front, table, 12):
        time.sleep(1)
        client.insert(table, [[1, "x"]])  # the others have no end that it could wait for

    assert total(client, table) == (1, 1)


def test_a_packed_insert_ends_when_its_client_goes_away(front, client, table):
    """What it unpacks to would take minutes; nothing of it is left to do once nobody waits for it."""
    zeros = pa.Codec("zstd").compress(bytes(64 << 20), asbytes=True) * 600
    client.command(f"CREATE TABLE {table}_nowhere (a UInt64) ENGINE = Null")
    query = urlencode({**front.owner, "query": f"INSERT INTO {table}_nowhere FORMAT RowBinary"})
    head = (
        f"POST /?{query} HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: zstd\r\nContent-Length: {len(zeros)}\r\n\r\n"
    )
    process = psutil.Process(front.process.pid)
    with socket.create_connection(("127.0.0.1", front.port)) as connection:
        connection.sendall(head.encode() + zeros)
        time.sleep(1)

    def rests() -> bool:
        before = process.cpu_times().user
        time.sleep(1)
        return process.cpu_times().user - before < 0.3

    wait_until(rests)


@pytest.mark.parametrize(
    ("of_table", "code"),
    [
        ("(a UInt64, CONSTRAINT small CHECK a < 2) ENGINE = MergeTree ORDER BY a", 469),
        ("(a UInt64) ENGINE = MergeTree ORDER BY a PARTITION BY a", 252),
        (
            "(a UInt64) ENGINE = MergeTree ORDER BY a SETTINGS min_free_disk_bytes_to_perform_insert = 100000000000000",
            243,
        ),
    ],
    ids=["a constraint", "too many partitions", "no room"],
)
def test_an_insert_whose_part_cannot_be_written_is_an_error(front, of_table, code):
    """An answer means stored. The engine's own streamed insert says nothing of these."""
    name = f"refusing_{code}"
    assert front.ask(f"CREATE TABLE {name} {of_table}").status == 200
    told = front.ask(b"1\n2\n3\n", query=f"INSERT INTO {name} SETTINGS max_partitions_per_insert_block = 2 FORMAT CSV")

    assert told.status != 200
    assert told.headers["X-ClickHouse-Exception-Code"] == str(code)
    assert front.ask(f"SELECT count() FROM {name}").data == b"0\n"
