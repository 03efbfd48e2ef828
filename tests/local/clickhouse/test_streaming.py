"""Large results."""

import psutil
import pytest
import urllib3
from clickhouse_connect.driver.exceptions import DatabaseError, StreamFailureError

FAILING = "SELECT number, throwIf(number = 3000000) FROM numbers(10000000)"
MB = 1_000_000


def test_a_large_result_takes_no_memory(front):
    """640 MB pass through a process that grows by a small part of them."""
    process = psutil.Process(front.process.pid)
    front.ask("SELECT number, number FROM numbers(1000000)", default_format="Native")
    before = most = process.memory_info().rss
    answer = urllib3.request(
        "POST",
        f"http://127.0.0.1:{front.port}/",
        body="SELECT number, number * 2 FROM numbers(40000000) FORMAT Native",
        preload_content=False,
        timeout=60,
    )
    size = 0
    for count, chunk in enumerate(answer.stream(1 << 20)):
        size += len(chunk)
        if count % 50 == 0:
            most = max(most, process.memory_info().rss)

    assert size > 640 * MB
    assert most - before < 150 * MB


def test_streamed_blocks_are_one_result(client):
    """Nothing is lost or doubled between blocks."""
    with client.query_column_block_stream("SELECT number FROM numbers(3000000)") as stream:
        total = sum(sum(block[0]) for block in stream)

    assert total == 3_000_000 * 2_999_999 // 2


@pytest.mark.parametrize("fmt", ["TSV", "CSV", "JSONEachRow", "RowBinary", "Native"])
def test_a_streamed_format_equals_the_whole_one(front, fmt):
    """Sending block by block changes no byte that the engine would write as one; Native differs in cuts alone."""
    sql = f"SELECT number, toString(number) AS text FROM numbers(200000) FORMAT {fmt}"
    streamed = front.ask(sql).data
    whole = front.ask(f"{sql} SETTINGS extremes = 0").data

    assert len(streamed) > MB
    assert streamed == whole or fmt == "Native"


def test_an_early_error_has_its_status(front):
    """As long as nothing was sent, an error is an error."""
    assert front.ask("SELECT throwIf(number = 10) FROM numbers(100)").status == 500


def test_a_late_error_is_told_inside_of_the_result(client):
    """The client finds the text behind the rows."""
    with (
        pytest.raises(StreamFailureError, match="Code: 395"),
        client.query_rows_stream(FAILING) as stream,
    ):
        for _ in stream:
            pass


@pytest.mark.filterwarnings("ignore:.*:ResourceWarning")  # the client leaves the broken connection to the collector
def test_a_late_error_breaks_the_transfer(front, client):
    """So a client that knows nothing of the text does not take the result for complete."""
    with pytest.raises(DatabaseError, match="IncompleteRead"):
        client.raw_query(FAILING, fmt="TSV")
    with pytest.raises(urllib3.exceptions.ProtocolError):
        front.ask(FAILING)


def test_a_late_error_in_a_compressed_result_is_told_too(front):
    """The text is compressed with the rest."""
    with front.client(compress="gzip") as client, pytest.raises(StreamFailureError, match="Code: 395"):
        client.query(FAILING).result_rows  # noqa: B018  # rows are read here


def test_a_large_result_in_one_piece_is_whole(front):
    """Formats with a foot are held and sent as one."""
    answer = front.ask("SELECT number FROM numbers(500000) FORMAT JSONCompact")

    assert len(answer.json()["data"]) == 500_000
