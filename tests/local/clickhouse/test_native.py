"""An empty result still tells its columns."""

import pytest

from local.clickhouse.native import described_columns, describing, empty_block, telling_columns


def test_an_empty_result_has_its_columns(client):
    result = client.query("SELECT 1 AS a, 'x' AS b, now64(3) AS c WHERE 0")

    assert list(result.column_names) == ["a", "b", "c"]
    assert [kind.name for kind in result.column_types] == ["UInt8", "String", "DateTime64(3)"]
    assert result.result_rows == []


def test_parameters_count_for_an_empty_result_too(client):
    assert client.query("SELECT number FROM numbers(9) WHERE number > {n:UInt8}", {"n": 9}).column_names == ("number",)


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("SELECT a FROM (SELECT 1 AS a) WHERE 0;", ("a",)),
        ("SELECT 1 AS a, (SELECT 2) WHERE 0", ("a", "_subquery_1")),
        ("WITH 1 AS one SELECT one AS a, one + 1 WHERE 0 UNION ALL SELECT 1, 2 WHERE 0 -- end", ("a", "plus(one, 1)")),
        ("SELECT 1 AS a WHERE 0 SETTINGS max_threads = 1", ("a",)),
        ("SELECT number AS a, count() AS n FROM numbers(0) GROUP BY a WITH ROLLUP HAVING n > 9", ("a", "n")),
        ("SELECT 1 AS totals, 2 AS cube WHERE 0", ("totals", "cube")),
    ],
)
def test_columns_of_an_empty_result_are_named_as_the_query_names_them(client, sql, columns):
    """Whether they come from its description or from running it, whole or in blocks."""
    assert client.query(sql).column_names == columns


def test_a_description_runs_nothing():
    assert describing(b"SELECT 1 AS a;  -- mark") == b"DESCRIBE TABLE (\nSELECT 1 AS a  -- mark\n) FORMAT JSON"
    assert describing(b"SELECT 1 FORMAT Native ;") == b"DESCRIBE TABLE (\nSELECT 1  \n) FORMAT JSON"


def test_a_description_that_names_columns_otherwise_is_not_believed():
    assert described_columns(b'{"data": [{"name": "a", "type": "UInt8"}]}') == [("a", "UInt8")]
    assert described_columns(b'{"data": [{"name": "_subquery2", "type": "UInt8"}]}') is None


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        (b"SELECT 1\n FORMAT Native", b"SELECT 1\n FORMAT JSON"),
        (b"SELECT 1 format native;\n-- mark", b"SELECT 1 FORMAT JSON;\n-- mark"),
        (b"SELECT 'FORMAT Native' AS a", b"SELECT 'FORMAT Native' AS a"),
        (b"SELECT 1", b"SELECT 1"),
    ],
)
def test_only_a_format_clause_at_the_end_is_changed(sql, told):
    assert telling_columns(sql) == told


def test_a_block_of_no_rows_is_names_and_types():
    assert empty_block([("a", "UInt8")]) == b"\x01\x00\x01a\x05UInt8"
