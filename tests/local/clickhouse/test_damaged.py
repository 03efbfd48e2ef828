"""Files of the engine that somebody or something damaged: one line says what, and what to do."""

import subprocess
import sys

import pytest

from schema.errors import EXIT_NOT_AGAIN
from tests.local.clickhouse.conftest import start


@pytest.fixture
def stored(tmp_path):
    """Make a directory in which a table was stored."""
    path = tmp_path / "clickhouse"
    front = start(path)
    front.ask("CREATE DATABASE d")
    front.ask("CREATE TABLE d.t (a UInt64) ENGINE = MergeTree ORDER BY a")
    front.ask("INSERT INTO d.t VALUES (1)")
    front.stop()
    return path


def test_a_table_whose_definition_is_damaged_is_told_with_its_file(stored):
    """And with the exit status of what is not to be tried again."""
    (definition,) = stored.rglob("t.sql")
    definition.write_text("")
    argv = [sys.executable, "-m", "local.clickhouse", "--path", str(stored), "--port", "0"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    last = done.stderr.strip().splitlines()[-1]

    assert done.returncode == EXIT_NOT_AGAIN
    assert last.startswith(f"the engine cannot open {stored} (")
    assert definition.name in last
    assert "its files are damaged" in last
    assert "move that directory away" in last
