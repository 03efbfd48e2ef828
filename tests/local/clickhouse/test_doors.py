"""Who comes in: the owner with a password, the reader without one, and no page but those of this machine's user."""

import fcntl
import stat
from pathlib import Path

import pytest
import urllib3

from schema import passwords
from schema.clickhouse import ClickHouseAwayError, connect

WRITE = "CREATE TABLE local.never (a Int8) ENGINE = Memory"


def basic(user, password):
    """Make the header of HTTP Basic authentication."""
    return urllib3.make_headers(basic_auth=f"{user}:{password}")


@pytest.mark.parametrize(
    "way",
    [
        {"user": "default"},
        {"user": "default", "password": "x"},
        {"headers": {"X-ClickHouse-User": "default"}},
        {"headers": {"X-ClickHouse-User": "default", "X-ClickHouse-Key": "x"}},
        {"headers": {"X-ClickHouse-Key": "x"}},
        {"headers": basic("default", "")},
        {"headers": basic("", "x")},
        {"headers": {"Authorization": "Basic !"}},
        {"user": "page"},
        {"user": "grafana", "headers": {"X-ClickHouse-User": "default"}},
        {"user": "grafana", "headers": basic("default", "")},
        {"user": "parser"},
    ],
)
def test_without_the_password_nobody_is_the_owner(either, way):
    """However the name comes, and however often."""
    answer = either.raw("SELECT 1", **way)

    assert (answer.status, answer.headers["X-ClickHouse-Exception-Code"]) == (403, "516")


def test_with_the_password_the_owner_comes_in_three_ways(either):
    """In the URL, in ClickHouse's headers, or by HTTP Basic."""
    password = either.owner["password"]
    ways = [
        dict(either.owner),
        {"headers": {"X-ClickHouse-User": "default", "X-ClickHouse-Key": password}},
        {"headers": basic("default", password)},
    ]

    assert [either.raw("SELECT 1", **way).data for way in ways] == [b"1\n"] * 3


@pytest.mark.parametrize("way", [{}, {"user": "grafana"}, {"user": "grafana", "password": "any"}])
def test_whoever_needs_no_name_may_only_read(either, way):
    """The examples of the README work as they stand."""
    assert either.raw("SELECT 1", **way).data == b"1\n"
    assert either.raw(WRITE, **way).headers["X-ClickHouse-Exception-Code"] == "164"


@pytest.mark.parametrize(
    "sql",
    [
        "SET readonly = DEFAULT",
        "SET readonly = 0",
        "SELECT 1 SETTINGS readonly = DEFAULT",
        "KILL QUERY WHERE 1",
        "SYSTEM SHUTDOWN",
        "SET ROLE NONE",
        "SELECT 1 PARALLEL WITH DROP TABLE t",
        "/* SELECT */ INSERT INTO t VALUES (1)",
        "CREATE TEMPORARY TABLE t (a Int8)",
        "BEGIN TRANSACTION",
    ],
)
def test_the_reader_gets_no_rights_by_asking(either, sql):
    """ClickHouse 25.8 would take `readonly` back, and any engine would let one user kill another's queries."""
    answer = either.raw(sql, user="grafana", session_id="mine")

    assert answer.headers["X-ClickHouse-Exception-Code"] in {"164", "62"}
    assert either.raw(WRITE, user="grafana", session_id="mine").status >= 400
    assert either.raw("SELECT getSetting('readonly')", user="grafana", session_id="mine").data == b"2\n"


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:8123"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": ""},
        {"Host": "[::1].evil.example"},
        {"Origin": "http://evil.example"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_page_comes_in(either, headers, method):
    """Not by another name for this machine, and not from another origin, even with the owner's password."""
    answer = either.raw(query="SELECT 1", method=method, headers=headers, **either.owner)

    assert (answer.status, answer.data[:9]) == (403, b"Rejected:")


def test_what_is_kept_is_its_owner_s_alone(front):
    """Data, password and configuration; and nobody else may enter the directory."""
    found = [front.path, *front.path.rglob("*")]

    assert [path for path in found if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)] == []
    assert stat.S_IMODE(front.path.stat().st_mode) == 0o700
    assert stat.S_IMODE(passwords.password_file(front.path).stat().st_mode) == 0o600


def test_the_password_stays_the_same_and_is_not_in_the_process_list(fronts, tmp_path):
    """A second start on the directory finds it."""
    first = fronts(tmp_path / "data")
    password = first.owner["password"]
    assert len(password) >= 32
    first.stop()
    second = fronts(tmp_path / "data")

    assert second.ask("SELECT 1", **second.owner).data == b"1\n"
    assert second.owner["password"] == password
    assert password not in Path(f"/proc/{second.process.pid}/cmdline").read_text(encoding="utf-8")


def test_our_own_commands_find_the_password_by_the_port(front):
    """Nobody types it; another user's commands, which have another home, do not find it."""
    url = f"http://127.0.0.1:{front.port}"

    with connect(url, database=None) as client:
        assert client.command("SELECT 1") == 1
    assert passwords.found(front.port, {"XDG_STATE_HOME": "/nonexistent"}) == ""
    with pytest.raises(ClickHouseAwayError, match="GIGAWATT_CLICKHOUSE_PASSWORD_FILE"):
        connect(f"http://default:wrong@127.0.0.1:{front.port}", database=None)


def test_a_password_is_only_sent_to_an_engine_that_runs(tmp_path):
    """Whoever listens on the port after the engine ended is sent nothing."""
    home, directory = {"XDG_STATE_HOME": str(tmp_path / "home")}, tmp_path / "data"
    directory.mkdir()
    password = passwords.password_of(directory)
    note = tmp_path / "home" / "gigawatt" / "ports" / "8123"
    note.parent.mkdir(parents=True)
    note.symlink_to(directory)
    with (directory / passwords.LOCK).open("w") as lock:
        assert passwords.found(8123, home) == ""
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert passwords.found(8123, home) == password


def test_a_file_may_name_the_password(tmp_path):
    """For a store elsewhere, and for a home that cannot be written."""
    file = tmp_path / "secret"
    file.write_text("abc\n")

    assert passwords.named({passwords.FILE_VARIABLE: str(file)}) == file
    assert passwords.named({}) is None
    assert passwords.read(file) == "abc"
    with pytest.raises(Exception, match="cannot read the password"):
        passwords.read(tmp_path / "none")


def test_a_password_file_that_is_a_link_is_not_followed(tmp_path):
    """It may be somebody's trap in a directory that others can write."""
    (tmp_path / "target").write_text("known to somebody\n")
    (tmp_path / "password").symlink_to(tmp_path / "target")

    with pytest.raises(Exception, match="cannot store a password"):
        passwords.password_of(tmp_path)
