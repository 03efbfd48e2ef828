import socket

import pytest

from schema.clickhouse import ClickHouseAwayError, connect
from schema.errors import GigawattError
from tests.producers.exporter import Exporter, serving


@pytest.mark.parametrize(
    "url", ["", "nourl", "ftp://host", "http://", "http://host:99999", "http://host:abc", "http://host:0"]
)
def test_what_is_no_address_is_refused_in_one_line(url):
    with pytest.raises(GigawattError, match="is no ClickHouse address; write it as http://host:8123"):
        connect(url)


def test_a_refused_address_does_not_tell_its_password():
    with pytest.raises(GigawattError) as refused:
        connect("http://reader:secret@host:port")

    assert "secret" not in str(refused.value)
    assert "'http://host:port'" in str(refused.value)


def test_what_is_no_clickhouse_is_not_said_to_be_silent():
    """Such as the page's address."""
    exporter = Exporter()
    exporter.respond = lambda handler: handler.send_error(501)
    with (
        serving(exporter),
        pytest.raises(GigawattError, match=r"is no ClickHouse \(HTTP status 501\); name ClickHouse's"),
    ):
        connect(exporter.url)


def test_where_nothing_listens_nothing_answers():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        with pytest.raises(ClickHouseAwayError, match=r"does not answer \(.*refused\); start it, or name another"):
            connect(f"http://127.0.0.1:{held.getsockname()[1]}")


def test_a_password_does_not_follow_a_redirect():
    """What answers with one is no ClickHouse; nobody is asked elsewhere, and the line tells no secret."""
    elsewhere, exporter = Exporter(), Exporter()

    def respond(handler):
        handler.send_response(307)
        handler.send_header("Location", f"{elsewhere.url}?ticket=secret")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    exporter.respond = respond
    with serving(exporter), serving(elsewhere), pytest.raises(GigawattError) as refused:
        connect(exporter.url.replace("http://", "http://reader:secret@").removesuffix("/metrics"))

    assert elsewhere.requests == 0
    assert "secret" not in str(refused.value)
