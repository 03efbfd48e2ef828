"""Nothing outside the database answers: neither files nor other servers nor the process, whoever asks and however."""

import contextlib
import itertools
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from schema.passwords import password_file, password_of
from tests.local.clickhouse.conftest import Front

SECRET = "watts-nobody-may-see"  # noqa: S105  what the tests look for in answers
WHO = ("reader", "owner")


@dataclass
class Outside:
    """A file beside the data directory that holds a secret, and a server that notes who calls."""

    secret: Path
    port: int
    folder: Path
    callers: list[str] = field(default_factory=list)

    def quiet(self) -> bool:
        """Say whether nobody called, and nothing was written."""
        return self.callers == [] and {path.name for path in self.folder.iterdir()} == {self.secret.name}


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    folder = tmp_path_factory.mktemp("outside")
    secret = folder / "secret.csv"
    secret.write_text(f"{SECRET}\n")
    with socket.create_server(("127.0.0.1", 0)) as server:
        made = Outside(secret, server.getsockname()[1], folder)

        def listen() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection:
                        made.callers.append(connection.recv(200).decode(errors="replace"))

        threading.Thread(target=listen, daemon=True).start()
        yield made
        server.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def given(request: pytest.FixtureRequest, outside: Outside) -> list[str]:
    """Give the arguments with which what writes is tried: who may not write is told so before they are looked at."""
    every = arguments(outside)
    return every if request.node.callspec.params["ask"] == "owner" else every[:1]


@pytest.fixture(params=WHO)
def ask(request: pytest.FixtureRequest, either: Front, outside: Outside) -> Iterator[Callable[[str], bytes]]:
    """Ask as the reader or the owner; no answer may hold the secret, and nothing outside may notice."""
    who = {"user": "grafana"} if request.param == "reader" else either.owner
    password = password_of(either.path).encode()

    def asked(sql: str, **more: str) -> bytes:
        answer = either.raw(sql, **who, **more)
        assert SECRET.encode() not in answer.data, sql
        assert password not in answer.data, sql
        return bytes(answer.data)

    yield asked
    assert either.raw("SELECT 1", **either.owner).data == b"1\n"
    assert outside.quiet()


def forms(outside: Outside) -> list[str]:
    """List statements that once read a file or reached out, or were found to on the way."""
    file, port = outside.secret, outside.port
    return [
        f"SELECT * FROM file('{file}')",
        f"SELECT * FROM file('{file}', 'LineAsString')",
        f"SELECT * FROM `f\\x69le`('{file}')",
        f"SELECT * FROM \"file\"('{file}', LineAsString)",
        f"SELECT * FROM file\u00a0('{file}', LineAsString)",
        f"SELECT * FROM file\u2003('{file}', LineAsString)",
        f"SELECT $$'$$, * FROM file($${file}$$, LineAsString) -- '",
        f"SELECT * FROM `{file}`",
        f"SELECT * FROM default.`{file}`",
        f"SELECT * FROM '{file}'",
        f"SELECT file('{file}')",
        f"SELECT `f\\x69le`('{file}')",
        f"SELECT * APPLY(file) FROM (SELECT '{file}')",
        f"SELECT arrayMap(x -> file(x), ['{file}'])",
        f"WITH file('{file}') AS x SELECT x",
        f"SELECT b FROM format(JSONEachRow, 'a String, b String DEFAULT file(''{file}'')', '{{\"a\":\"x\"}}')",
        f"SELECT * FROM values('a String, b String ALIAS file(''{file}'')', 'x')",
        f"SELECT 1 FORMAT Template SETTINGS format_template_row = '{file}'",
        f"SELECT 1 FORMAT Template SETTINGS format_template_resultset = '{file}'",
        f"SELECT * FROM format(Protobuf, 'x') SETTINGS format_schema = '{file}:M'",
        f"SELECT * FROM format(CapnProto, 'x') SETTINGS format_schema = '{file}:M'",
        f"SELECT 1 SETTINGS format_avro_schema_registry_url = 'http://127.0.0.1:{port}'",
        f"DESCRIBE file('{file}')",
        f"DESCRIBE TABLE file('{file}', LineAsString)",
        f"EXPLAIN SELECT file('{file}')",
        f"EXPLAIN SYNTAX SELECT * FROM file('{file}', LineAsString)",
        f"SELECT * FROM viewExplain('EXPLAIN', '', (SELECT file('{file}')))",
        f"SELECT * FROM loop(file('{file}', LineAsString))",
        "SELECT * FROM merge(REGEXP('.*'), '.*secret.*')",
        f"SELECT * FROM url('http://127.0.0.1:{port}/', LineAsString)",
        f"SELECT * FROM `ur\\x6c`('http://127.0.0.1:{port}/', LineAsString)",
        f"SELECT * FROM url('file://{file}', LineAsString)",
        f"SELECT * FROM remote('127.0.0.1:{port}', system.one)",
        f"SELECT * FROM postgresql('127.0.0.1:{port}', 'd', 't', 'u', 'p')",
        f"SELECT * FROM mysql('127.0.0.1:{port}', 'd', 't', 'u', 'p')",
        f"SELECT * FROM s3('http://127.0.0.1:{port}/b/k', LineAsString)",
        f"SELECT hasColumnInTable('127.0.0.1:{port}', 'u', 'p', 'd', 't', 'c')",
        "SELECT reverseDNSQuery('127.0.0.1')",
        f"SELECT catboostEvaluate('{file}', 1)",
        "SELECT * FROM executable('id', LineAsString, 'x String')",
        "SELECT * FROM python('users')",
        f"SELECT 1 INTO OUTFILE '{outside.folder}/out.csv'",
        f"SELECT 1 INTO/**/OUTFILE '{outside.folder}/out.csv' TRUNCATE",
        f"INSERT INTO FUNCTION file('{outside.folder}/out.csv', 'CSV', 'a Int8') SELECT 1",
        f"INSERT INTO FUNCTION file('{outside.folder}/out.csv', 'CSV', 'a Int8') VALUES (1)",
        f"INSERT INTO FUNCTION file('{outside.folder}/out.csv', 'CSV', 'a Int8') FORMAT CSV\n1",
        f"INSERT INTO FUNCTION url('http://127.0.0.1:{port}/', 'CSV', 'a Int8') VALUES (1)",
        f"INSERT INTO FUNCTION null('a String') FROM INFILE '{file}' FORMAT CSV",
        f"BACKUP DATABASE system TO File('{outside.folder}/b')",
        f"RESTORE DATABASE x FROM File('{outside.folder}/b')",
        f"CREATE DICTIONARY d (a String) PRIMARY KEY a SOURCE(FILE(PATH '{file}' FORMAT 'CSV')) LAYOUT(FLAT())",
        "CREATE FUNCTION f AS (x) -> file(x)",
        "CREATE USER u",
        "GRANT ALL ON *.* TO default WITH GRANT OPTION",
        "CREATE NAMED COLLECTION c AS a = 1",
        f"SELECT 1; SELECT file('{file}')",
        "SET dialect = 'kusto'",
        f"SELECT '{file}' AS f, (SELECT groupArray(file(f))) SETTINGS allow_experimental_analyzer = 0",
        f"SELECT file({{p:String}}) -- {file}",
    ]


def test_every_known_way_out_is_closed(ask, outside):
    """For the reader and for the owner, on either engine."""
    for sql in forms(outside):
        ask(sql, param_p=str(outside.secret))


def test_the_password_and_the_process_are_outside_too(ask, either):
    """The engine's process cannot read them either, so that even a way that nobody knows of finds nothing."""
    for path in (password_file(either.path), Path("/proc/self/environ"), Path("/etc/passwd"), either.path / "lock"):
        for sql in (
            f"SELECT file('{path}')",
            f"SELECT b FROM format(JSONEachRow, 'a String, b String DEFAULT file(''{path}'')', '{{\"a\":\"x\"}}')",
        ):
            answer = ask(sql)
            assert answer.startswith(b"Code: "), (sql, answer)
            assert b"TZ=America" not in answer
            assert b"root:" not in answer


def each(act: Callable[[Any], object], every: Iterable[Any]) -> None:
    """Do it with each, some at a time: who is refused is answered a little later."""
    with ThreadPoolExecutor(8) as pool:
        for _ in pool.map(act, every):
            pass


def arguments(outside: Outside) -> list[str]:
    """List arguments that would make a source of one kind or another read the secret or call the server."""
    file, url = f"'{outside.secret}'", f"'http://127.0.0.1:{outside.port}/x'"
    host = f"'127.0.0.1:{outside.port}'"
    return [
        file,
        f"{file}, 'LineAsString'",
        f"{file}, 'LineAsString', 'a String'",
        f"'{outside.folder}'",
        url,
        f"{url}, 'LineAsString', 'a String'",
        f"{url}, 'k', 's', 'LineAsString', 'a String'",
        f"{host}, 'd', 't', 'u', 'p'",
        f"{host}, 'system', 'one'",
        f"'default', {file}",
        f"'default', {host}, 'd', 't'",
        f"'jdbc:x', {file}, 't'",
    ]


def names(front: Front, table: str, where: str = "1") -> list[str]:
    """List what the engine itself says it has."""
    rows = front.raw(f"SELECT DISTINCT name FROM system.{table} WHERE {where} ORDER BY name", **front.owner)
    assert rows.status == 200
    found = rows.data.decode().split()
    assert found
    return found


def test_no_table_function_reaches_outside(ask, either, outside, given):
    """All that the engine has, read, described and written to, with arguments of every kind."""

    def read(name_and_given):
        name, given = name_and_given
        for sql in (f"SELECT * FROM {name}({given}) LIMIT 5", f"DESCRIBE {name}({given})"):
            ask(sql, max_execution_time="2")

    def written(name_and_given):
        ask("INSERT INTO FUNCTION {}({}) SELECT 'x'".format(*name_and_given))

    functions = names(either, "table_functions")
    each(read, itertools.product(functions, arguments(outside)))
    each(written, itertools.product(functions, given))


def test_no_engine_of_tables_or_databases_reaches_outside(ask, either, outside, given):
    """What can be made is read; what it reads is the database's own."""

    def made(sql):
        return not ask(sql).startswith(b"Code: ")

    def table(number_and_engine):
        number, (name, given) = number_and_engine
        if made(f"CREATE TABLE local.reach{number} (a String) ENGINE = {name}({given})"):
            ask(f"SELECT * FROM local.reach{number} LIMIT 5", max_execution_time="2")
            ask(f"DROP TABLE local.reach{number}")

    def database(number_and_engine):
        number, (name, given) = number_and_engine
        if made(f"CREATE DATABASE reach{number} ENGINE = {name}({given})"):
            ask(f"SELECT * FROM reach{number}.`{outside.secret.name}`")
            ask(f"DROP DATABASE reach{number}")

    each(table, enumerate(itertools.product(names(either, "table_engines"), given)))
    each(database, enumerate(itertools.product(names(either, "database_engines"), given)))


def test_no_format_reaches_outside(ask, either, outside):
    """As what comes out and as what goes in, with each setting of formats that names anything set to the secret."""
    settings = names(either, "settings", "name LIKE '%format%' AND type = 'String'")
    assert "format_schema" in settings

    def tried(name):
        ask(f"SELECT 'x' AS a FORMAT {name}")
        ask(f"SELECT * FROM format({name}, 'x')")
        ask(f"SELECT * FROM format({name}, 'a String', 'x')")

    def tried_with(name_and_value):
        name, value = name_and_value
        for fmt in ("Template", "CustomSeparated", "Protobuf", "CapnProto", "AvroConfluent", "CSV", "Regexp"):
            ask(f"SELECT 'x' AS a FORMAT {fmt} SETTINGS {name} = '{value}'")
            ask(f"SELECT * FROM format({fmt}, 'a String', 'x')", **{name: value})

    each(tried, names(either, "formats"))
    each(tried_with, itertools.product(settings, (str(outside.secret), f"{outside.secret}:M")))


@pytest.mark.parametrize("ask", ["reader"], indirect=True)
def test_no_function_reaches_outside(ask, either, outside):
    """All that the engine has, with a path, and with two. To the engine, reader and owner are one user."""
    path = f"'{outside.secret}'"
    called = names(either, "functions", "NOT is_aggregate AND name NOT ILIKE 'sleep%'")
    each(
        lambda name_and_given: ask("SELECT `{}`({})".format(*name_and_given), max_execution_time="2"),
        itertools.product(called, (path, f"{path}, {path}")),
    )


def test_no_column_of_a_format_has_a_default(either):
    """The front reads statements, not what stands in their strings."""
    for sql in (
        "SELECT * FROM format(JSONEachRow, 'a String DEFAULT file(\\'x\\')', '{}')",
        "DESCRIBE format(CSV, '1')",
    ):
        answer = either.raw(sql, user="grafana")
        assert (answer.status, answer.headers["X-ClickHouse-Exception-Code"]) == (403, "497"), sql
