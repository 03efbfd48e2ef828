import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.clickhouse.statements import can_stream, insert_target, keyword, names_a_file, output_format


@pytest.mark.parametrize(
    ("sql", "word"),
    [
        (b"select 1", "SELECT"),
        (b" \n-- a note\n/* more */ WITH 1 AS x SELECT x", "WITH"),
        (b"(select 1)", "("),
        (b"# a note\nSHOW TABLES", "SHOW"),
        (b" -- nothing", ""),
    ],
)
def test_keyword_is_the_first_word_outside_of_comments(sql, word):
    """A statement is known by its first word."""
    assert keyword(sql) == word


@pytest.mark.parametrize(
    ("sql", "head", "fmt", "data"),
    [
        (b"INSERT INTO t FORMAT CSV\n1,2", b"INSERT INTO t", "CSV", b"1,2"),
        (b"insert into t (a, `format`) format Native \r\n\x01", b"insert into t (a, `format`)", "Native", b"\x01"),
        (b'INSERT INTO t FORMAT JSONEachRow {"a":1}', b"INSERT INTO t", "JSONEachRow", b'{"a":1}'),
        (b"INSERT INTO t FORMAT TSV;\nx", b"INSERT INTO t", "TSV", b"x"),
        (b"/* VALUES */ INSERT INTO d.t FORMAT CSV", b"/* VALUES */ INSERT INTO d.t", "CSV", b""),
        (
            b"INSERT INTO FUNCTION file('select', 'CSV') FORMAT TSV\n\n1",
            b"INSERT INTO FUNCTION file('select', 'CSV')",
            "TSV",
            b"\n1",
        ),
    ],
)
def test_data_begins_after_the_format_and_one_line_end(sql, head, fmt, data):
    """The statement ends with its FORMAT clause, which the head leaves out."""
    target = insert_target(sql)

    assert target is not None
    assert (target.head, target.input_format, sql[target.data_start :]) == (head, fmt, data)


def test_settings_clause_is_noticed():
    """A deduplication token joins a SETTINGS clause that is already there."""
    target = insert_target(b"INSERT INTO t SETTINGS max_threads = 1 FORMAT CSV\n1")

    assert target is not None
    assert target.has_settings


@pytest.mark.parametrize(
    "sql",
    [
        b"SELECT 1 FORMAT CSV",
        b"INSERT INTO t VALUES (1)",
        b"INSERT INTO t (a) SELECT 1 FORMAT CSV",
        b"INSERT INTO t WITH 1 AS x SELECT x",
        b"INSERT INTO t FROM INFILE 'x' FORMAT CSV",
        b"INSERT INTO t",
        b"",
    ],
)
def test_other_statements_have_no_data_after_them(sql):
    """Only an INSERT with a FORMAT of its own is followed by data."""
    assert insert_target(sql) is None


@given(st.binary(max_size=200))
def test_any_bytes_can_be_data(data):
    """Data of any kind is found whole, whatever it looks like."""
    sql = b"INSERT INTO t FORMAT RowBinary\n" + data
    target = insert_target(sql)

    assert target is not None
    assert sql[target.data_start :] == data


@given(st.binary(max_size=200))
def test_any_bytes_can_be_a_statement(sql):
    """No input breaks the front's reading of statements."""
    keyword(sql)
    insert_target(sql)
    output_format(sql, "TSV")
    can_stream(sql, "TSV")
    names_a_file(sql)


@pytest.mark.parametrize(
    ("sql", "fmt"),
    [
        (b"SELECT 1", "TabSeparated"),
        (b"SELECT 1 FORMAT JSON", "JSON"),
        (b"SELECT 1\nformat Native ;\n", "Native"),
        (b"SELECT 1 FORMAT CSV SETTINGS max_threads = 1", "CSV"),
        (b"SELECT 1 FORMAT Null -- FORMAT JSON", "Null"),
        (b"SELECT ' FORMAT JSON'", "TabSeparated"),
        (b"SELECT 1 -- FORMAT JSON", "TabSeparated"),
        (b"SELECT format('{}', x) FROM (SELECT 1 AS x)", "TabSeparated"),
    ],
)
def test_output_format_is_the_statement_s_own_or_the_default(sql, fmt):
    """FORMAT counts only as a clause of the statement itself."""
    assert output_format(sql, "TabSeparated") == fmt


@pytest.mark.parametrize(
    ("sql", "fmt", "streams"),
    [
        (b"SELECT 1", "Native", True),
        (b"SELECT 1", "JSONEachRow", True),
        (b"SELECT 1", "JSON", False),
        (b"SELECT 1", "CSVWithNames", False),
        (b"SELECT a, count() FROM t GROUP BY a WITH TOTALS", "TSV", False),
        (b"SELECT 1 AS subtotals, 2 AS rollups", "Native", True),
        (b"SHOW TABLES", "TSV", False),
    ],
)
def test_results_without_head_and_foot_stream(sql, fmt, streams):
    """Blocks of a result are sent one by one only where they join without a seam."""
    assert can_stream(sql, fmt) is streams


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        (b"SELECT 1 INTO OUTFILE 'x'", True),
        (b"INSERT INTO t FROM INFILE 'x'", True),
        (b"SELECT 'INTO OUTFILE'", False),
        (b"SELECT 1", False),
    ],
)
def test_file_clauses_are_seen_outside_of_strings(sql, named):
    """A string may speak of files; a clause may not."""
    assert names_a_file(sql) is named
