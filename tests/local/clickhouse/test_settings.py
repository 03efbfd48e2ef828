"""Settings belong to their request, users to their bounds."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

SETTING = "SELECT getSetting('max_block_size')"


def test_settings_do_not_leak(client, front):
    """Neither from a request that succeeds, nor from one that fails, nor from SET."""
    plain = client.command(SETTING)
    assert client.command(SETTING, settings={"max_block_size": 123}) == 123
    front.ask("SELECT nope", max_block_size="124")
    front.ask("SET max_block_size = 125")
    front.ask("SELECT 1 SETTINGS max_block_size = 126")

    assert {client.command(SETTING) for _ in range(5)} == {plain}


def test_settings_stay_apart_in_concurrent_requests(front):
    """Each request sees its own, whatever the others do."""
    wanted = [str(1000 + number % 7) for number in range(70)]
    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(lambda size: front.ask(SETTING, max_block_size=size).data, wanted))

    assert seen == [f"{size}\n".encode() for size in wanted]


def test_a_setting_s_value_is_a_value(front):
    """It cannot end its literal."""
    answer = front.ask("SELECT getSetting('log_comment')", log_comment="a', max_threads = '1' -- \\")

    assert answer.data == b"a\\', max_threads = \\'1\\' -- \\\\\n"


def test_an_unknown_setting_is_told(front):
    """As in ClickHouse."""
    assert front.ask("SELECT 1", nope="1").headers["X-ClickHouse-Exception-Code"] == "115"


def test_a_session_keeps_what_it_set(front):
    """SET and USE hold for the session alone."""
    front.ask("SET max_block_size = 321", session_id="mine")
    front.ask("USE system", session_id="mine")

    assert front.ask(SETTING, session_id="mine").data == b"321\n"
    assert front.ask("SELECT currentDatabase()", session_id="mine").data == b"system\n"
    assert front.ask(SETTING, session_id="other").data != b"321\n"


def test_a_database_is_the_request_s_own(front):
    """And an unknown one is an error."""
    assert front.ask("SELECT currentDatabase()", database="system").data == b"system\n"
    assert front.ask("SELECT currentDatabase()").data == b"local\n"
    assert front.ask("SELECT * FROM nope").headers["X-ClickHouse-Exception-Code"] == "60"
    assert front.ask("SELECT 1", database="nope").headers["X-ClickHouse-Exception-Code"] == "81"


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE w (a Int8) ENGINE = Memory",
        "INSERT INTO FUNCTION null('a Int8') VALUES (1)",
        "INSERT INTO FUNCTION null('a Int8') FORMAT CSV 1",
        "INSERT INTO FUNCTION file('w.csv', 'CSV', 'a Int8') SELECT 1",
        "DROP TABLE IF EXISTS w",
        "KILL QUERY WHERE 0",
        "SYSTEM STOP MERGES",
        "SET readonly = 0",
        "SET profile = 'page'",
        "SELECT 1 SETTINGS readonly = 0",
    ],
)
def test_the_read_only_user_cannot_write(front, sql):
    """By POST as the grafana user; the default user cannot by GET."""
    by_user = front.ask(sql, user="grafana")

    assert by_user.headers["X-ClickHouse-Exception-Code"] == "164"
    assert front.ask(query=sql, method="GET").headers["X-ClickHouse-Exception-Code"] == "164"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM file('/etc/hostname', 'LineAsString')",
        "SELECT file('/etc/hostname')",
        "SELECT 1 WHERE 1 IN (SELECT a FROM /* x */ `URL` ('http://127.0.0.1:1/', 'CSV', 'a Int8'))",
        "SELECT * FROM remote('127.0.0.1:9000', 'system', 'one')",
        "SELECT * FROM executable('id', 'CSV', 'a String')",
    ],
)
def test_the_read_only_user_cannot_reach_outside(front, sql):
    """Files, other servers and commands are not what a dashboard asks for."""
    answer = front.ask(sql, user="grafana")

    assert (answer.status, answer.headers["X-ClickHouse-Exception-Code"]) == (403, "497")


@pytest.mark.parametrize(
    ("setting", "sql"),
    [
        ("output_format_schema", "SELECT 1 AS a FORMAT Protobuf"),
        (
            "input_format_record_errors_file_path",
            "SELECT * FROM values('a Int8', ('1')) SETTINGS input_format_allow_errors_num = 9",
        ),
    ],
)
def test_no_setting_names_a_file_to_write(front, setting, sql):
    """Not even one of the engine's own, which the kernel lets it write: one setting empties the file that it names."""
    kept = front.path / "engine" / "kept"
    kept.write_text("as it was")
    by_url = front.ask(sql, user="grafana", **{setting: str(kept)})
    clause = f"{setting} = '{kept}'"
    by_clause = front.ask(f"{sql}{',' if 'SETTINGS' in sql else ' SETTINGS'} {clause}", user="grafana")
    front.ask(f"SELECT * FROM (SELECT 1 SETTINGS {clause})", user="grafana")

    assert {answer.headers["X-ClickHouse-Exception-Code"] for answer in (by_url, by_clause)} == {"452"}
    assert kept.read_text() == "as it was"


def test_the_read_only_user_may_name_a_column_as_it_likes(front):
    """Only a call is a call."""
    answer = front.ask("SELECT 'file(' AS file, number AS url FROM numbers(1) WHERE (number) IN (0)", user="grafana")

    assert answer.data == b"file(\t0\n"


def test_the_read_only_user_has_bounds(front):
    """It may ask for less than its limit, and gets the limit when it asks for more or for none."""
    sql = "SELECT getSetting('max_execution_time')"
    seen = [front.ask(sql, user="grafana", max_execution_time=str(s)).data for s in (5, 65, 0)]
    by_statement = front.ask("SELECT 1 SETTINGS max_execution_time = 100", user="grafana")

    assert seen == [b"5\n", b"60\n", b"60\n"]
    assert front.ask(sql, user="grafana").data == b"60\n"
    assert front.ask("SELECT 1 SETTINGS max_threads = 1", user="grafana").data == b"1\n"
    assert by_statement.headers["X-ClickHouse-Exception-Code"] == "452"


def test_the_read_only_user_cannot_have_its_functions_parse_without_end(front):
    """They would parse what they are given to its end, whatever the query's time."""
    sql = "SELECT formatQuery('SELECT ' || repeat('(', 500) || '1' || repeat(')', 500))"
    answer = front.ask(sql, user="grafana", max_parser_depth="1000000", max_parser_backtracks="0")

    assert answer.headers["X-ClickHouse-Exception-Code"] == "306"


def test_nobody_has_expressions_compiled_that_take_for_ever(front):
    """The engine rejects them unless it is told not to."""
    answer = front.ask("SELECT multiMatchAny('a', ['(a.{1,20000}b){1,20}'])", reject_expensive_hyperscan_regexps="0")

    assert answer.headers["X-ClickHouse-Exception-Code"] == "452"


def test_the_read_only_user_cannot_fill_the_disk(front):
    """What it sorts there leaves space to the data; it may ask for more to be left, and not for less."""
    sql = (
        "SELECT s FROM (SELECT randomPrintableASCII(1000) AS s FROM numbers(100000)) ORDER BY s LIMIT 99999, 1 "
        "SETTINGS max_bytes_before_external_sort = 1000000, max_bytes_ratio_before_external_sort = 0"
    )
    left = "min_free_disk_space_for_temporary_data"
    full = front.ask(sql, user="grafana", **{left: str(10**15)})
    less = front.ask(sql, user="grafana", **{left: "0"})

    assert front.ask(sql, user="grafana").status == 200
    assert front.ask(f"SELECT getSetting('{left}')", user="grafana").data == b"4000000000\n"
    assert [answer.headers["X-ClickHouse-Exception-Code"] for answer in (full, less)] == ["243", "452"]


def test_the_read_only_user_gets_no_padded_table_of_any_length(front):
    """It is made whole, and no limit of memory counts it."""
    sql = "SELECT number FROM numbers(30000) FORMAT PrettyCompact"
    rows = [
        front.ask(sql, user="grafana", output_format_pretty_max_rows=rows).data.count(b"\n")
        for rows in ("10", "1000000")
    ]
    by_statement = front.ask(f"{sql} SETTINGS output_format_pretty_max_rows = 1000000", user="grafana")

    assert rows[0] < 20
    assert 10_000 < rows[1] < 10_100
    assert by_statement.headers["X-ClickHouse-Exception-Code"] == "452"


def test_the_read_only_user_works_with_the_ordinary_client(front):
    """Its first questions are reads."""
    with front.client(username="grafana") as client:
        assert client.command("SELECT 1") == 1
        with pytest.raises(DatabaseError, match="code: 164"):
            client.command("CREATE TABLE w (a Int8) ENGINE = Memory")


def test_an_unknown_user_is_refused(front):
    """However it names itself."""
    ways = ({"user": "nobody"}, {"headers": {"X-ClickHouse-User": "nobody"}})
    answers = [front.ask("SELECT 1", **way) for way in ways]

    for answer in itertools.chain(answers):
        assert (answer.status, answer.headers["X-ClickHouse-Exception-Code"]) == (403, "516")


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("additional_result_filter", "file('x') != ''"),
        ("additional_table_filters", "{'system.one': 'dummy != 1'}"),
        ("schema_inference_hints", "a String DEFAULT file('x')"),
    ],
)
def test_no_setting_holds_sql(either, setting, value):
    """The front reads statements, not what stands in their strings."""
    quoted = "{'system.one': 'dummy != 1'}" if value[0] == "{" else "'" + value.replace("'", "\\'") + "'"
    answers = [
        either.raw("SELECT 1", user="grafana", **{setting: value}),
        either.raw(f"SELECT 1 SETTINGS {setting} = {quoted}", user="grafana"),
        either.raw(f"SET {setting} = {quoted}", user="grafana", session_id="s"),
    ]

    assert {answer.headers["X-ClickHouse-Exception-Code"] for answer in answers} == {"452"}


def test_a_reader_keeps_its_profile(either):
    """Another one's bounds are not to be had, however they are asked for."""
    for clause in ("profile = 'page'", "`profile` = 'page'", "max_threads = 1, profile = 'default'"):
        for sql in (f"SELECT 1 SETTINGS {clause}", f"SELECT * FROM (SELECT 1 SETTINGS {clause})", f"SET {clause}"):
            answer = either.raw(sql, user="grafana")
            assert answer.headers["X-ClickHouse-Exception-Code"] == "164", sql

    assert either.raw("SELECT 1", user="grafana", profile="page").headers["X-ClickHouse-Exception-Code"] == "115"
    compared = "SELECT profile = 'page' FROM (SELECT 'page' AS profile) WHERE profile = 'page' SETTINGS max_threads = 1"
    assert either.raw(compared, user="grafana").data == b"1\n"
