import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.clickhouse.errors import EngineError
from local.clickhouse.statements import Form, bounded, insert_target


def form(formatted):
    """Make the form of a statement that the engine formats like this."""
    return Form(b"", formatted)


@pytest.mark.parametrize(
    ("sql", "head", "fmt", "data"),
    [
        (b"INSERT INTO t FORMAT CSV\n1,2", b"INSERT INTO t", "CSV", b"1,2"),
        (b"insert into t (a, `format`) format Native \r\n\x01", b"insert into t (a, `format`)", "Native", b"\x01"),
        (b'INSERT INTO t FORMAT JSONEachRow {"a":1}', b"INSERT INTO t", "JSONEachRow", b'{"a":1}'),
        (b"INSERT INTO t (a) VALUES (1), (2)", b"INSERT INTO t (a)", "Values", b"(1), (2)"),
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
    target = insert_target(sql, whole=True)

    assert target is not None
    assert (target.head, target.input_format, sql[target.data_start :]) == (head, fmt, data)


def test_settings_clause_is_noticed():
    """A deduplication token joins a SETTINGS clause that is already there."""
    target = insert_target(b"INSERT INTO t SETTINGS max_threads = 1 FORMAT CSV\n1", whole=True)

    assert target is not None
    assert target.has_settings


@pytest.mark.parametrize(
    "sql",
    [
        b"SELECT 1 FORMAT CSV",
        b"INSERT INTO t (a) SELECT 1 FORMAT CSV",
        b"INSERT INTO t WITH 1 AS x SELECT x",
        b"INSERT INTO t FROM INFILE 'x' FORMAT CSV",
        b"INSERT INTO t",
        b"",
    ],
)
def test_other_statements_have_no_data_after_them(sql):
    """Only an INSERT with a FORMAT of its own is followed by data."""
    assert insert_target(sql, whole=True) is None


@given(st.binary(max_size=200))
def test_any_bytes_can_be_data(data):
    """Data of any kind is found whole, whatever it looks like."""
    sql = b"INSERT INTO t FORMAT RowBinary\n" + data
    target = insert_target(sql, whole=True)

    assert target is not None
    assert sql[target.data_start :] == data


@given(st.binary(max_size=200))
def test_any_bytes_can_be_a_statement(sql):
    """No input breaks the front's reading of statements, nor of what the engine makes of them."""
    insert_target(sql, whole=True)
    read = form(sql.decode("utf-8", "replace"))

    assert read.only_reads in {True, False}
    assert read.output_format("TSV")
    assert read.calls is not None


def test_the_name_of_a_format_may_still_go_on():
    """The rest of the body says where it ends."""
    assert insert_target(b"INSERT INTO t FORMAT JSON", whole=False) is None
    assert insert_target(b"INSERT INTO t FORMAT JSON", whole=True).input_format == "JSON"


@pytest.mark.parametrize(
    "sql",
    [
        b"INSERT " + b"/*a" * 50_000,
        b"INSERT " + b"( " * 5_000_000,
        b"INSERT " + b"'\\" * 400_000,
        b"INSERT " + b"x " * 10**6,
    ],
)
def test_the_head_of_an_insert_is_looked_for_within_bounds(sql):
    """Once a quadratic expression took 37 s for 150 KB of it; a second is generous."""
    begun = time.process_time()
    with pytest.raises(EngineError, match="within its first 64 KiB"):
        insert_target(sql, whole=True)

    assert time.process_time() - begun < 1


@pytest.mark.parametrize("sql", [b"SELECT " + b" " * 70_000, b"SELECT " + b"((1)," * 2_100, b"SELECT " + b"[{" * 2_100])
def test_a_statement_has_bounds(sql):
    """The engine's parser takes time by the square of open brackets, and cannot be stopped."""
    with pytest.raises(EngineError, match="may have at most") as refused:
        bounded(sql, 64 << 10)

    assert refused.value.http_status == 413


@pytest.mark.parametrize(
    ("formatted", "fmt"),
    [
        ("SELECT 1", "TabSeparated"),
        ("SELECT 1 FORMAT JSON", "JSON"),
        ("SELECT 1 FORMAT CSV SETTINGS max_threads = 1", "CSV"),
        ("SELECT 1 SETTINGS max_threads = 1 FORMAT CSV", "CSV"),
        ("SELECT ' FORMAT JSON'", "TabSeparated"),
        ("SELECT format('{}', x) FROM (SELECT 1 AS x)", "TabSeparated"),
        ("SELECT * FROM (SELECT 1 FORMAT JSON)", "TabSeparated"),
    ],
)
def test_output_format_is_the_statement_s_own_or_the_default(formatted, fmt):
    """FORMAT counts only as a clause of the statement itself."""
    assert form(formatted).output_format("TabSeparated") == fmt


@pytest.mark.parametrize(
    ("formatted", "fmt", "streams"),
    [
        ("SELECT 1", "Native", True),
        ("SELECT 1", "JSONEachRow", True),
        ("SELECT 1", "JSON", False),
        ("SELECT 1", "CSVWithNames", False),
        ("SELECT a, count() FROM t GROUP BY a WITH TOTALS", "TSV", False),
        ("SELECT 1 AS subtotals, 2 AS rollups", "Native", True),
        ("SHOW TABLES", "TSV", False),
    ],
)
def test_results_without_head_and_foot_stream(formatted, fmt, streams):
    """Blocks of a result are sent one by one only where they join without a seam."""
    assert form(formatted).can_stream(fmt) is streams


@pytest.mark.parametrize(
    ("formatted", "named"),
    [
        ("SELECT 1 INTO OUTFILE 'x'", True),
        ("INSERT INTO t FROM INFILE 'x'", True),
        ("SELECT 'INTO OUTFILE', `INTO OUTFILE`", False),
        ("SELECT 1", False),
    ],
)
def test_file_clauses_are_seen_outside_of_quotes(formatted, named):
    """A string may speak of files; a clause may not."""
    assert form(formatted).names_a_file is named


@pytest.mark.parametrize(
    ("formatted", "reads"),
    [
        *[(sql, True) for sql in ("SELECT 1", "WITH 1 AS a SELECT a", "(SELECT 1) UNION ALL SELECT 2", "SHOW TABLES")],
        *[(sql, True) for sql in ("DESCRIBE TABLE t", "EXISTS TABLE t", "EXPLAIN SELECT 1", "SET a = 1", "USE d")],
        *[(sql, False) for sql in ("SET profile = 'page'", "SET a = 1, `profile` = 'page'")],
        ("SELECT profile = 'page' FROM t", True),
        *[(sql, False) for sql in ("SET readonly = DEFAULT", "SELECT 1 SETTINGS readonly = DEFAULT", "SET ROLE NONE")],
        *[
            (sql, False)
            for sql in ("KILL QUERY WHERE 1 ASYNC", "SYSTEM FLUSH LOGS", "BEGIN TRANSACTION", "DROP TABLE t")
        ],
        *[
            (sql, False)
            for sql in ("SELECT 1 PARALLEL WITH DROP TABLE t", "INSERT INTO t FORMAT Values", "CHECK TABLE t")
        ],
        ("SET DEFAULT ROLE NONE TO a", False),
        ("SET TRANSACTION SNAPSHOT 1", False),
        ("EXECUTE AS a", False),
    ],
)
def test_what_only_reads_is_known_by_its_form(formatted, reads):
    """All that is not known to read is taken to write."""
    assert form(formatted).only_reads is reads


def test_calls_are_found_however_they_are_written():
    """Quoted, handed on by APPLY, and as tables; a name that is not called is none."""
    found = form("SELECT `fi\\`le`(1), * APPLY file, * APPLY(url), s3 FROM remote('a') WHERE 'numbers(1)' IN (1)").calls

    assert {"fi`le", "file", "url", "remote"} <= found
    assert found.isdisjoint({"s3", "numbers"})
