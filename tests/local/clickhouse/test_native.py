"""An empty result still tells its columns."""

import pytest

from local.clickhouse.native import empty_block, telling_columns


def test_an_empty_result_has_its_columns(client):
    result = client.query("SELECT 1 AS a, 'x' AS b, now64(3) AS c WHERE 0")

    assert list(result.column_names) == ["a", "b", "c"]
    assert [kind.name for kind in result.column_types] == ["UInt8", "String", "DateTime64(3)"]
    assert result.result_rows == []


def test_parameters_count_for_an_empty_result_too(client):
    assert client.query("SELECT number FROM numbers(9) WHERE number > {n:UInt8}", {"n": 9}).column_names == ("number",)


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
    assert empty_block(b'{"meta": [{"name": "a", "type": "UInt8"}]}') == b"\x01\x00\x01a\x05UInt8"
