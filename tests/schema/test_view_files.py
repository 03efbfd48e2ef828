"""Views are made after those that they ask, again when their text changes, and at no other time."""

import threading

import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError

from schema.clickhouse import connect
from schema.fleet_limits import LIMITS
from schema.migrate import load, upgrade
from schema.view_files import View, ViewError, checksums, load_views, make_views
from tests.engine import Engine

ONE = View("one", "CREATE OR REPLACE VIEW one AS\nSELECT 1 AS a")
TWO = View("two", "CREATE OR REPLACE VIEW two AS\nSELECT a FROM one")


def written(folder, **views):
    for name, sql in views.items():
        (folder / f"{name}.sql").write_text(f"-- What it is.\nCREATE OR REPLACE VIEW {name} AS\n{sql};\n")
    return folder


def test_a_view_comes_after_those_that_it_asks(tmp_path):
    """Whatever they are called; a comment or a text that names one is no question."""
    asked = {"a": "SELECT x FROM c", "b": "SELECT 'a' AS x -- of a", "c": "SELECT x FROM b"}

    names = [view.name for view in load_views(written(tmp_path, **asked)) if view.name in asked]
    assert names == ["b", "c", "a"]


def test_views_that_ask_each_other_are_refused(tmp_path):
    with pytest.raises(ViewError, match="circle: "):
        load_views(written(tmp_path, a="SELECT x FROM b", b="SELECT x FROM a"))


@pytest.mark.parametrize("sql", ["CREATE VIEW a AS\nSELECT 1", "CREATE OR REPLACE VIEW b AS\nSELECT 1", "SELECT 1"])
def test_a_file_that_makes_something_else_is_refused(tmp_path, sql):
    """A file has the name of its one view."""
    (tmp_path / "a.sql").write_text(sql)

    with pytest.raises(ViewError, match=r"a\.sql: begin it with CREATE OR REPLACE VIEW a AS"):
        load_views(tmp_path)


def test_what_a_view_asks_is_part_of_what_it_is():
    """Its columns may have other types then."""
    changed = View("one", ONE.sql.replace("1", "'1'"))

    assert checksums([ONE, TWO])["two"] != checksums([changed, TWO])["two"]
    assert checksums([ONE, TWO])["one"] == checksums([ONE])["one"]


def test_a_call_of_a_view_with_parameters_is_put_in_its_place(tmp_path):
    """Arguments may be expressions of the caller's own parameters."""
    folder = written(
        tmp_path,
        a="SELECT {at:DateTime('UTC')} AS x",
        b="SELECT x FROM gigawatt.a(at = {until:DateTime('UTC')} - greatest(1, 2)) AS found",
    )

    (made,) = [view.sql for view in load_views(folder) if view.name == "b"]
    assert "SELECT CAST({until:DateTime('UTC')} - greatest(1, 2), 'DateTime(''UTC'')') AS x" in made
    assert made.endswith(") AS found")


def test_a_call_of_a_view_that_is_no_file_is_an_error(tmp_path):
    with pytest.raises(ViewError, match="no view others to ask"):
        load_views(written(tmp_path, a="SELECT x FROM gigawatt.others(at = 1)"))


def test_migrations_change_tables_and_leave_views_to_their_files():
    assert not [one.name for one in load() for statement in one.statements() if " VIEW " in statement.split("\n")[0]]


def test_only_what_changed_or_is_missing_is_made(engine: Engine):
    client = engine.migrated_client()

    assert make_views(client, [ONE, TWO]) == ["one", "two"]
    assert make_views(client, [ONE, TWO]) == []
    client.command("DROP VIEW two")
    assert make_views(client, [ONE, TWO]) == ["two"]
    assert make_views(client, [View("one", "CREATE OR REPLACE VIEW one AS\nSELECT 2 AS a"), TWO]) == ["one", "two"]
    assert client.query("SELECT a FROM two").result_rows == [(2,)]
    client.close()


def test_an_upgrade_that_has_nothing_to_do_says_nothing(engine: Engine):
    client, said = engine.migrated_client(), []

    assert upgrade(client, said.append) == []
    assert said == []
    client.close()


def test_two_that_start_at_once_make_the_same(engine: Engine):
    engine.empty_client().close()
    failed: list[Exception] = []

    def start():
        client = connect(engine.url, database=None)
        try:
            upgrade(client)
        except ClickHouseError as error:
            failed.append(error)
        client.close()

    threads = [threading.Thread(target=start) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    client = connect(engine.url)

    assert failed == []
    assert upgrade(client) == []
    client.close()


def test_limits_are_those_of_the_fleet_file(engine: Engine):
    """One source: what the file's reader allows, and takes where the file says nothing."""
    client = engine.migrated_client()
    rows = client.query("SELECT name, default_value, least, most, meaning FROM limits").result_rows

    assert {name: tuple(rest) for name, *rest in rows} == {
        name: (one.default, one.low, one.high, one.meaning) for name, one in LIMITS.items()
    }
    client.close()
