"""What the engine reads in a string is looked at like a statement, on either engine."""

import pytest

HIDDEN = "x String, a String ALIAS file(x)"
SHOWN = "file(\\'/etc/hostname\\')"


@pytest.mark.parametrize(
    "sql",
    [
        f"SELECT a FROM values('{HIDDEN}', '/etc/hostname')",
        f"SELECT a FROM values($${HIDDEN}$$, '/etc/hostname')",
        f"SELECT a FROM VALUES('{HIDDEN}', '/etc/hostname')",
        f"SELECT a FROM `v\\x61lues`('{HIDDEN}', '/etc/hostname')",
        "SELECT a FROM values('x String, a String ALIAS file\\x28x\\x29', '/etc/hostname')",
        "SELECT a FROM values('x String, a String ALIAS `file`(x)', '/etc/hostname')",
        "SELECT a FROM values('x String, a String ALIAS upper(x)', 'b')",
        f"SELECT a FROM values('x String, a String DEFAULT {SHOWN}', 'b')",
        f"SELECT a FROM values('x String, a String MATERIALIZED {SHOWN}', 'b')",
        f"SELECT a FROM values('x String EPHEMERAL {SHOWN}, a String', 'b', 'c')",
        f"SELECT a FROM values('x String TTL {SHOWN}, a String', 'b', 'c')",
        f"SELECT a FROM values('x String ALIAS {SHOWN} /*', 'b')",
        f"SELECT a FROM values('x String, a ALIAS {SHOWN} -- ', 'b')",
        f"SELECT a FROM values('CONSTRAINT String ALIAS {SHOWN}', 'b')",
        f"SELECT a FROM values('x String) ENGINE = Null AS SELECT ({SHOWN}', 'b')",
        f"SELECT a FROM values('{HIDDEN}' AS s, '/etc/hostname')",
        f"WITH '{HIDDEN}' AS s SELECT a FROM values(s, '/etc/hostname')",
        f"SELECT a FROM values(concat('{HIDDEN}', ''), '/etc/hostname')",
        f"SELECT a FROM values(('{HIDDEN}', 1).1, '/etc/hostname')",
        f"SELECT a FROM values((SELECT '{HIDDEN}' AS s LIMIT 0, 1), '/etc/hostname')",
        f"SELECT a FROM values(('{HIDDEN}'), '/etc/hostname')",
        "SELECT a FROM values({s:String}, '/etc/hostname')",
        f"SELECT * FROM view(SELECT a FROM values('{HIDDEN}', '/etc/hostname'))",
        f"EXPLAIN SELECT a FROM values('{HIDDEN}', '/etc/hostname')",
        f"DESCRIBE values('{HIDDEN}', '/etc/hostname')",
        f"SELECT a FROM null('{HIDDEN}')",
        "SELECT a FROM null({s:String})",
        f"SELECT structureToProtobufSchema('a String DEFAULT {SHOWN}')",
        f"SELECT structureToCapnProtoSchema('a String DEFAULT {SHOWN}')",
        "SELECT arrayMap(structureToProtobufSchema, [{s:String}])",
        f"SELECT arrayReduce('quantiles(toFloat64({SHOWN}))', [1])",
        f"SELECT arrayReduce('`(`(toFloat64({SHOWN}))', [1])",
        f"SELECT arrayReduce('x /* (toFloat64({SHOWN}) */ (1)', [1])",
        f"SELECT arrayReduceInRanges('quantiles(toFloat64({SHOWN}))', [(1, 2)], [1])",
        f"SELECT initializeAggregation('quantiles(toFloat64({SHOWN}))', 1)",
        f"SELECT arrayReduce('quantiles((SELECT {SHOWN}))', [1])",
        "SELECT arrayReduce(concat('quantiles', '(1)'), [1])",
        "SELECT arrayReduce({s:String}, [1])",
        "SELECT arrayMap({f:Identifier}, ['max'], [[1]])",
        "SELECT * APPLY(arrayReduce) FROM (SELECT 'max')",
    ],
)
def test_a_string_hides_no_function(either, sql):
    """Wherever the engine would read it as declarations of columns, or as an aggregate function."""
    params = {"param_s": HIDDEN} if "{s:" in sql else {"param_f": "arrayReduce"} if "{f:" in sql else {}
    answer = either.raw(sql, user="grafana", **params)

    assert (answer.status, answer.headers["X-ClickHouse-Exception-Code"]) == (403, "497"), (sql, answer.data)
    assert b"Not enough privileges" in answer.data
    assert answer.data.count(b"\n") == 1


@pytest.mark.parametrize(
    ("sql", "answer"),
    [
        ("SELECT * FROM values('a String, b UInt8', ('x', 1), ('y', 2))", b"x\t1\ny\t2\n"),
        ("SELECT * FROM values('a Array(Tuple(b UInt8, c Decimal(10, 2))), `d e` UInt8 NULL', ([(1, 2)], NULL))", None),
        ("SELECT * FROM values('a DateTime64(3, \\'UTC\\') NOT NULL', 0)", b"1970-01-01 00:00:00.000\n"),
        ("SELECT * FROM values('Ann', 'Tom')", b"Ann\nTom\n"),
        ("SELECT * FROM values(('x', 1), ('y', 2))", b"x\t1\ny\t2\n"),
        ("SELECT * FROM values(tuple('x', 1), ('y', 2))", b"x\t1\ny\t2\n"),
        ("SELECT * FROM values(-1, 2)", b"-1\n2\n"),
        ("SELECT * FROM null('a String')", b""),
        ("SELECT 1 IN (1), null", b"1\t\\N\n"),
        ("SELECT arrayReduce('quantiles(0.5, 1)', [1, 2, 3])", b"[2,3]\n"),
        ("SELECT arrayReduce('max', [1, 2])", b"2\n"),
        ("SELECT 'values(file(1))'", b"values(file(1))\n"),
    ],
)
def test_plain_strings_are_served(either, sql, answer):
    """Columns with types, values, and aggregate functions with numbers."""
    found = either.raw(sql, user="grafana")

    assert found.status == 200, (sql, found.data)
    assert answer in {None, found.data}


def test_the_owner_is_asked_the_same(either):
    """As with functions that are called by name."""
    answer = either.ask(f"SELECT a FROM values('{HIDDEN}', '/etc/hostname')")

    assert answer.headers["X-ClickHouse-Exception-Code"] == "497"
