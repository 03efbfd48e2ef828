import base64

import pytest
from clickhouse_connect.driver.transform import extract_exception_with_tag
from multidict import CIMultiDict

from local.clickhouse.errors import EngineError, from_engine
from local.clickhouse.protocol import (
    Summary,
    content_type,
    exception_block,
    exception_tag,
    parse_request,
    with_form,
)


def parsed(url=(), headers=(), method="POST"):
    """Parse a request with these URL parameters and headers."""
    return parse_request(method, dict(url).items(), CIMultiDict(headers))


def test_a_bare_request_has_clickhouse_s_defaults():
    """Without parameters, no user is named, the format is TabSeparated, the database the user's own."""
    request = parsed()

    assert (request.user, request.password) == ("", "")
    assert (request.default_format, request.database, request.settings) == ("TabSeparated", "", ())
    assert len(request.query_id) == 36


def test_url_parameters_are_settings_unless_they_speak_to_the_server():
    """`param_` names are query parameters, the protocol's own names are neither."""
    request = parsed(
        {
            "database": "d",
            "default_format": "Native",
            "query_id": "q",
            "session_id": "s",
            "client_protocol_version": "54460",
            "param_x": "1",
            "max_threads": "2",
            "wait_end_of_query": "1",
        }
    )

    assert request.settings == (("max_threads", "2"),)
    assert request.params == {"x": "1"}
    assert (request.database, request.default_format, request.query_id) == ("d", "Native", "q")
    assert (request.revision, request.wait_end) == (54460, True)


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        ({"user": "u", "password": "p"}, {}),
        ({}, {"X-ClickHouse-User": "u", "X-ClickHouse-Key": "p"}),
        ({}, {"Authorization": "Basic " + base64.b64encode(b"u:p").decode()}),
    ],
)
def test_credentials_come_in_three_ways(url, headers):
    """URL, ClickHouse's headers, and HTTP Basic say the same."""
    request = parsed(url, headers)

    assert (request.user, request.password) == ("u", "p")


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        ({}, {"Authorization": "Basic !!"}),
        ({}, {"Authorization": "Bearer x"}),
        ({"user": "grafana"}, {"X-ClickHouse-User": "default"}),
        ({"password": "x"}, {"Authorization": "Basic " + base64.b64encode(b"u:p").decode()}),
        ({}, {"X-ClickHouse-Key": "p", "Authorization": "Basic " + base64.b64encode(b"u:p").decode()}),
    ],
)
def test_credentials_that_are_broken_or_twofold_are_nobody_s(url, headers):
    """Neither is taken for a request without a name."""
    with pytest.raises(EngineError, match="AUTHENTICATION_FAILED"):
        parsed(url, headers)


@pytest.mark.parametrize("query_id", ["a\r\nSet-Cookie: b", "x" * 201, "é"])
def test_a_query_id_that_no_header_can_carry_is_refused(query_id):
    """It comes back in the answer's head."""
    with pytest.raises(EngineError, match="BAD_ARGUMENTS"):
        parsed({"query_id": query_id})


def test_what_is_kept_of_a_session_s_name_and_time_is_bounded():
    """The engine keeps a thousand of them for each user; a time beyond a float's was an error of the server."""
    assert parsed({"session_id": "s", "session_timeout": "9" * 400}).session_timeout_s == 3600
    with pytest.raises(EngineError, match="BAD_ARGUMENTS"):
        parsed({"session_id": "x" * 201})


def test_get_only_reads():
    """As in ClickHouse, GET is for reading."""
    assert parsed(method="GET").read_only
    assert not parsed(method="POST").read_only


def test_clickhouse_s_own_compression_is_refused():
    """Only HTTP's content codings are served."""
    with pytest.raises(EngineError) as refused:
        parsed({"compress": "1"})

    assert refused.value.http_status == 501


def test_form_fields_join_the_request():
    """A long parameter may come in a form instead of the URL."""
    request = with_form(parsed({"param_x": "1"}), {"query": "SELECT 2", "param_y": "2"})

    assert request.query == b"SELECT 2"
    assert request.params == {"x": "1", "y": "2"}


def test_summary_values_are_strings():
    """ClickHouse writes its summary as strings."""
    assert '"written_rows": "7"' in Summary(written_rows=7).header()


def test_exception_block_is_what_the_client_looks_for():
    """The client finds the text between the tags, behind any bytes of the result."""
    tag = exception_tag()
    error = from_engine(RuntimeError("Streaming query failed: Code: 395. DB::Exception: no. (NAME)"))

    found = extract_exception_with_tag(b"\x00result" + exception_block(tag, error), tag)

    assert found == "Code: 395. DB::Exception: no. (NAME)"
    assert error.code == 395


@pytest.mark.parametrize(
    ("code", "status"),
    [(60, 404), (62, 400), (159, 408), (164, 500), (241, 500), (516, 403), (48, 501)],
)
def test_status_follows_the_code_as_in_clickhouse(code, status):
    """The HTTP status tells the kind of error."""
    assert EngineError("", code).http_status == status


def test_an_error_without_a_code_still_has_one():
    """The client never meets an error that it cannot read."""
    error = from_engine(RuntimeError("odd"))

    assert str(error) == "Code: 1002. DB::Exception: odd (UNKNOWN_EXCEPTION)"


@pytest.mark.parametrize(
    ("fmt", "kind"),
    [
        (None, "text/plain"),
        ("JSON", "application/json"),
        ("JSONEachRow", "application/x-ndjson"),
        ("TSVWithNames", "text/tab-separated-values"),
        ("CSV", "text/csv"),
        ("Native", "application/octet-stream"),
        ("Pretty", "text/plain"),
    ],
)
def test_content_type_names_the_format(fmt, kind):
    """A browser or curl is told what it gets."""
    assert content_type(fmt).partition(";")[0] == kind
