"""What a query uses is read from the engine's own resolution of it."""

from dashboards.check.names import unpublished, used


def resolved(client, sql: str):
    return used(line for (line,) in client.query(f"EXPLAIN QUERY TREE {sql}").result_rows)


def test_tables_are_those_that_are_read_wherever_they_stand(client):
    found = resolved(
        client,
        "WITH recent AS (SELECT time, site FROM power_by_second WHERE site IN (SELECT site FROM budgets))"
        " SELECT 'FROM chips' AS text, (SELECT max(time) FROM power_by_hour) AS newest FROM recent AS chips",
    )

    assert found.columns == {
        "power_by_second": {"time", "site"},
        "budgets": {"site"},
        "power_by_hour": {"time"},
    }


def test_functions_are_named_as_the_engine_knows_them(client):
    found = resolved(client, "SELECT NOW() AS a, current_timestamp AS b, toMonday(yesterday()) AS c")

    assert {"now", "yesterday"} <= found.functions
    assert sorted(one.wrong for one in unpublished(found)) == [
        "it calls now(), which ignores the time range",
        "it calls yesterday(), which ignores the time range",
    ]


def test_how_the_store_is_may_be_asked(client):
    assert list(unpublished(resolved(client, "SELECT sum(bytes_on_disk) AS a FROM system.parts"))) == []


def test_a_part_of_a_column_is_that_column(client):
    assert list(unpublished(resolved(client, "SELECT count() AS a FROM ingest_blocks WHERE newest_ts IS NULL"))) == []
