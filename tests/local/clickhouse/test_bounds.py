"""One small request does not take the machine, nor the turns of who stores samples."""

import contextlib
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import brotli
import cramjam
import psutil
import pytest
from backports import zstd

from local.clickhouse.bodies import form_fields
from local.clickhouse.config import users
from tests.local.clickhouse.conftest import wait_until

ZEROS = bytes(1 << 26)
_, _, READER = users()
SLOW = "SELECT sleepEachRow(1) FROM numbers(60) SETTINGS max_block_size = 1"


def bomb(coding, times=16):
    """Pack `times` x 64 MiB of zeros; 1 GiB is a few KB to a megabyte."""
    if coding == "zstd":
        packer = zstd.ZstdCompressor(level=3)
        return b"".join([packer.compress(ZEROS) for _ in range(times)] + [packer.flush()])
    if coding == "br":
        packer = brotli.Compressor(quality=5)
        return b"".join(packer.process(ZEROS) for _ in range(times)) + packer.finish()
    codec = cramjam.zlib if coding == "deflate" else getattr(cramjam, coding)
    return bytes(codec.compress(ZEROS)) * times


class Memory:
    """The most memory that a process takes until the block ends, in MB more than before."""

    def __init__(self, pid):
        self.process, self.most, self.before = psutil.Process(pid), 0, 0
        self._done = threading.Event()
        self._watch = threading.Thread(target=self._look)

    def __enter__(self):
        self.before = self.process.memory_info().rss
        self._watch.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self._watch.join()

    def _look(self):
        while not self._done.wait(0.02):
            self.most = max(self.most, self.process.memory_info().rss)

    @property
    def grown_mb(self):
        return (self.most - self.before) / 1e6


@pytest.mark.parametrize("coding", ["zstd", "gzip", "deflate", "br"])
def test_little_that_unpacks_into_much_is_no_statement(either, coding):
    """196 KB of zstd once took 22 GB; what a reader or a stranger sends is read up to its bound."""
    body = bomb(coding)
    with Memory(either.process.pid) as memory:
        answers = [either.raw(body, headers={"Content-Encoding": coding}, user=user) for user in ("grafana", "default")]

    assert [answer.headers["X-ClickHouse-Exception-Code"] for answer in answers] == ["66", "516"]
    assert memory.grown_mb < 150


@pytest.mark.parametrize("coding", ["zstd", "gzip"])
def test_an_insert_is_unpacked_as_it_is_stored(front, coding):
    """The owner may store much; none of it is held."""
    with Memory(front.process.pid) as memory:
        answer = front.ask(
            bomb(coding),
            query="INSERT INTO FUNCTION null('a FixedString(32)') FORMAT RowBinary",
            headers={"Content-Encoding": coding},
        )

    assert answer.status == 200
    assert memory.grown_mb < 500


def test_an_insert_of_more_than_a_gibibyte_is_to_be_sent_in_several(front):
    """The engine takes an insert whole, from the disk: 6 GiB of zeros are 196 KB on the wire."""
    answer = front.ask(
        bomb("zstd", times=17),
        query="INSERT INTO FUNCTION null('a FixedString(32)') FORMAT RowBinary",
        headers={"Content-Encoding": "zstd"},
    )

    assert answer.headers["X-ClickHouse-Exception-Code"] == "396"
    assert b"split it" in answer.data
    assert front.ask("SELECT 1").status == 200


@pytest.mark.parametrize(
    "sql",
    [
        pytest.param(b"INSERT " + b"/*a" * 50_000, id="comments"),
        pytest.param(b"INSERT " + b"( " * 5_000_000, id="brackets after INSERT"),
        pytest.param(b"SELECT " + b"((1)," * 30_000, id="brackets"),
        pytest.param(b"SELECT " + b"[(1)," * 30_000, id="lists"),
        pytest.param(b"SELECT " + b"CASE WHEN " * 20_000, id="cases"),
        pytest.param(b"SELECT " + b"NOT " * 60_000 + b"1", id="nots"),
        pytest.param(b"SELECT " + b"1+" * 120_000 + b"1", id="sums"),
        pytest.param(b"SELECT '" + b"\\\\'" * 80_000, id="quotes"),
        pytest.param(b"EXPLAIN " * 30_000 + b"SELECT 1", id="explanations"),
    ],
)
@pytest.mark.parametrize("who", ["reader", "owner"])
def test_a_statement_made_to_be_slow_holds_nobody_up(either, sql, who):
    """Its own answer comes soon, and the loop answers others meanwhile."""
    name = {"user": "grafana"} if who == "reader" else either.owner
    begun = time.monotonic()
    with ThreadPoolExecutor(1) as other:
        answer = other.submit(either.raw, sql, **name)
        pings = []
        while not answer.done():
            asked = time.monotonic()
            assert either.fetch("ping").data == b"Ok.\n"
            pings.append(time.monotonic() - asked)
            time.sleep(0.02)

    assert answer.result().status in {400, 404, 413, 500}
    assert max(pings, default=0.0) < 20
    assert time.monotonic() - begun < 60


def test_inserts_do_not_wait_behind_readers(front, client, table):
    """Forty slow queries once stopped ingestion for as long as they ran; what is above the turns waits or gets 503."""
    with contextlib.ExitStack() as asking:
        for _ in range(100):
            connection = asking.enter_context(socket.create_connection(("127.0.0.1", front.port)))
            target = f"/?{urlencode({'user': 'grafana', 'query': SLOW})}"
            connection.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        running = (
            "SELECT count() FROM system.processes WHERE query LIKE '%sleepEachRow%' AND query NOT LIKE '%processes%'"
        )
        wait_until(lambda: front.ask(running).data == b"%d\n" % READER.at_once)
        refused = front.raw("SELECT 1", user="grafana")
        for number in range(10):
            client.insert(table, [[number, "x"]], column_names=["a", "b"])

        assert front.ask(running).data == b"%d\n" % READER.at_once  # of none was the end waited for
        assert (refused.status, refused.headers["X-ClickHouse-Exception-Code"]) == (503, "202")
        assert f"{READER.at_once} statements run at once" in refused.data.decode()
        assert front.ask("SELECT 1").data == b"1\n"
    wait_until(lambda: front.raw("SELECT 1", user="grafana").data == b"1\n")


@pytest.mark.parametrize("who", ["stranger", "reader", "owner"])
def test_a_body_without_end_is_not_read_without_end(either, who):
    """The connection ends, with an answer or without one."""
    name = {"stranger": {"user": "nobody"}, "reader": {"user": "grafana"}, "owner": {**either.owner}}[who]
    sent = 0
    with socket.create_connection(("127.0.0.1", either.port), timeout=60) as connection:
        head = f"POST /?{urlencode(name)} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head.encode())
        with contextlib.suppress(ConnectionError):
            while sent < 2 << 30:
                connection.sendall(b"100000\r\n" + bytes(1 << 20) + b"\r\n")
                sent += 1 << 20

    assert sent < 600 << 20
    assert either.ask("SELECT 1").data == b"1\n"


def test_a_form_has_bounds(either):
    """A field that is too large, one that would have to be unpacked, and what is no form at all."""
    kind = {"Content-Type": "multipart/form-data; boundary=b"}

    def form(value, more=""):
        return f'--b\r\nContent-Disposition: form-data; name="query"\r\n{more}\r\n{value}\r\n--b--\r\n'.encode()

    assert either.raw(form("SELECT 1"), headers=kind, user="grafana").data == b"1\n"
    large = either.raw(form("SELECT " + " " * (2 << 20)), headers=kind, user="grafana")
    packed = either.raw(form("x", "Content-Encoding: gzip\r\n"), headers=kind, user="grafana")
    none = either.raw(b"\x00" * 100, headers=kind, user="grafana")

    assert large.headers["X-ClickHouse-Exception-Code"] == "66"
    assert [packed.status, none.status] == [501, 501]


FIELD = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'


@pytest.mark.parametrize(
    "form",
    [FIELD * 18_000 + b"--b--\r\n", b"\r\n" * 500_000, b"--b\r\n" + b"A: b\r\n" * 170_000, b"\r\n" * 5_000_000],
    ids=["fields", "lines before", "headers", "more than fits"],
)
def test_a_form_is_read_at_once(form):
    """One of a mebibyte once held the event loop for 5 s, one of ten for a minute."""
    begun = time.process_time()
    with pytest.raises(ValueError, match=r"form|field"):
        form_fields(form, "b")

    assert time.process_time() - begun < 1


def test_polygons_are_not_cut(either):
    """Two of 20,000 corners once took 6 GB, beyond every limit."""
    corners = "arrayMap(x -> (toFloat64(rand(x) % 100000), toFloat64(rand(x + 1) % 100000)), range(20000))"
    found = either.raw("SELECT name FROM system.functions WHERE name LIKE 'polygons%'", **either.owner).data.decode()
    cuts = [name for name in found.split() if name.startswith(("polygonsUnion", "polygonsIntersect", "polygonsWithin"))]
    assert len(cuts) >= 5
    for name in found.split():
        answer = either.raw(f"SELECT {name}([[{corners}]], [[{corners}]])", user="grafana")
        assert answer.headers["X-ClickHouse-Exception-Code"] == "497", name
    assert either.raw("SELECT pointInPolygon((1, 1), [(0, 0), (2, 0), (0, 2)])", user="grafana").status == 200


def test_functions_that_nothing_stops_are_closed(either):
    """Each took 8 s to minutes for a few megabytes, whatever the limit, and would end the engine's process."""
    names = "editDistance levenshteinDistance damerauLevenshteinDistance jaroSimilarity jaroWinklerSimilarity"
    lists = "arrayLevenshteinDistance arrayLevenshteinDistanceWeighted arraySimilarity seriesDecomposeSTL ngramMinHash"
    for name in f"{names} {lists} ngramSimHashUTF8 halfMD5 base58Encode base58Decode".split():
        for called in (name, name.upper()):
            answer = either.raw(f"SELECT {called}('a', 'b')", user="grafana")
            assert answer.headers["X-ClickHouse-Exception-Code"] == "497", (called, answer.data)
    assert either.raw("SELECT ngramDistance('a', 'b'), 'a' ILIKE 'A'", user="grafana").status == 200


def test_what_is_closed_is_not_named_either(front):
    """The engine takes a bare name, and one that a parameter brings, for a lambda."""
    for sql, params in (
        ("SELECT arrayMap(file, ['/etc/hostname'])", {}),
        ("SELECT arrayMap(`fi\\x6ce`, ['/etc/hostname'])", {}),
        ("SELECT arrayMap({f:Identifier}, ['/etc/hostname'])", {"param_f": "file"}),
        ("SELECT arrayFold(polygonsUnionCartesian, [[[(0., 0.)]]], [[[(0., 0.)]]])", {}),
        ("SELECT b FROM generateRandom('a Int32, b String ALIAS file(''/etc/hostname'')') LIMIT 1", {}),
    ):
        answer = front.ask(sql, user="grafana", **params)
        assert answer.status in {403, 500}, (sql, answer)
        assert b"Not enough privileges to call" in answer.data, (sql, answer)


def test_a_wide_answer_leaves_the_engine_well(front):
    """Its allocator reads how memory is given; where it could not, thousands of columns left no maps."""
    columns = ", ".join(f"{number} AS c{number}" for number in range(3_000))
    assert front.ask(f"SELECT {columns} FORMAT ORC", user="grafana").status == 403
    assert front.ask(f"SELECT {columns} FORMAT Parquet", user="grafana").status == 200

    maps = len(psutil.Process(front.process.pid).memory_maps(grouped=False))
    assert maps < 20_000
    assert front.ask("SELECT 1", user="grafana").data == b"1\n"
