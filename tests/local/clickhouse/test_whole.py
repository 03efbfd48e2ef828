"""A result that is held as a whole has bounds that one which is streamed does not need."""

import pytest

from tests.local.clickhouse.test_bounds import Memory

WIDE = f"SELECT {', '.join(f'number AS c{column}' for column in range(8))} FROM numbers(12000000)"


@pytest.mark.parametrize(
    "fmt", ["Arrow", "ArrowStream", "Parquet", "JSON", "JSONColumns", "XML", "CSVWithNames", "Avro"]
)
def test_what_is_held_whole_is_bounded(either, fmt):
    """361 bytes once took 1.4 GB as Arrow and 4.9 GB as JSON. The error names what to do, in one line."""
    with Memory(either.process.pid) as memory:
        answer = either.raw(f"{WIDE} FORMAT {fmt}", user="grafana")

    code = answer.headers["X-ClickHouse-Exception-Code"]
    assert code in ("396", "241"), answer.data[:500]  # 25.8 counts the text of some formats against a query's memory
    if code == "396":
        said = f"Code: 396. DB::Exception: The result is too large for the format {fmt}, "
        assert answer.data.startswith(said.encode())
        assert b"use a streamed format (Native," in answer.data
        assert answer.data.count(b"\n") == 1
    assert memory.grown_mb < 700


def test_few_columns_that_unfold_into_much_text_are_bounded(front):
    """A byte of a row stands behind ten thousand of its name: 10 GB of JSON. ClickHouse 25.8 cannot be stopped so."""
    sql = f"SELECT 1 AS {'n' * 10_000} FROM numbers(1000000) FORMAT JSON SETTINGS max_block_size = 1000"
    with Memory(front.process.pid) as memory:
        answer = front.raw(sql, user="grafana")

    assert answer.headers["X-ClickHouse-Exception-Code"] == "396", answer.data[:500]
    assert memory.grown_mb < 2_000


@pytest.mark.parametrize("fmt", ["Native", "RowBinary"])
def test_what_is_streamed_may_be_larger(front, fmt):
    """As Grafana and clickhouse-connect ask."""
    answer = front.raw(f"{WIDE.replace('12000000', '3000000')} FORMAT {fmt}", user="grafana")

    assert answer.status == 200
    assert len(answer.data) > 190_000_000


def test_an_ordinary_result_is_served_in_any_format(either):
    """A hundred thousand rows, and a limit of one's own that is above the bound."""
    for fmt in ("Arrow", "JSON", "CSVWithNames"):
        answer = either.raw(
            f"{WIDE.replace('12000000', '100000')} FORMAT {fmt}", user="grafana", max_result_rows="2000000"
        )
        assert answer.status == 200, answer.data


def test_the_owner_may_hold_more(front):
    """Whose exports have no bounds."""
    answer = front.ask("SELECT number FROM numbers(2000000) FORMAT Arrow")

    assert answer.status == 200
