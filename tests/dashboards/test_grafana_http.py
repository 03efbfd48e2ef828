import time
import warnings
from dataclasses import replace

import pytest

from dashboards.grafana import Grafana
from dashboards.grafana_http import GrafanaError, Patience, UnavailableError
from tests.dashboards.grafana_server import TOKEN, Fault, GrafanaServer, serving
from tests.dashboards.wanted import RULE

QUICK = Patience(answer_s=60.0, attempts=3, wait_s=0.01, longest_wait_s=60.0)
HASTY = replace(QUICK, answer_s=0.5)
"""For answers that come only after a minute."""
SLOW = Fault("POST", "folders", 200, b"{}", delay_s=60.0)


@pytest.fixture
def server():
    with serving(GrafanaServer()) as started:
        started.folders["gigawatt"] = "Gigawatt"
        yield started


@pytest.fixture
def grafana(server):
    return Grafana(server.url, TOKEN, QUICK)


def asked(server, method):
    return sum(request.startswith(method) for request in server.requests)


def test_a_deletion_without_a_body_is_a_success(server, grafana):
    """The package alone raises after it was done."""
    grafana.create_rule(RULE)
    grafana.delete_rule(RULE["uid"])

    assert server.rules == {}


def test_an_error_that_says_null_is_an_error_like_others(server, grafana):
    server.faults = [Fault("GET", "folders", 400, b"null")]

    with pytest.raises(GrafanaError, match=r"rejects GET /api/folders/gigawatt: Bad Request \(400\)"):
        grafana.folder("gigawatt")


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        (b'{"message": "no\\n such"}', "application/json", "no such"),
        (b'{"error": "wrong"}', "application/json", "wrong"),
        (b'["odd"]', "application/json", "['odd']"),
        (b"plain words", "text/plain", "plain words"),
        (b"<html><body>long</body></html>", "text/html", "Bad Request"),
        (b"", "text/plain", "Bad Request"),
    ],
)
def test_errors_are_one_line_whatever_their_body(server, grafana, body, kind, said):
    server.faults = [Fault("GET", "folders", 400, body, {"Content-Type": kind})]

    with pytest.raises(GrafanaError) as caught:
        grafana.folder("gigawatt")
    assert str(caught.value) == f"Grafana rejects GET /api/folders/gigawatt: {said} (400)"


def test_what_is_not_there_is_none(grafana):
    assert grafana.folder("other") is None
    assert grafana.data_source("other") is None
    assert grafana.dashboard("other") is None
    assert grafana.rule("other") is None
    assert grafana.rule_group("gigawatt", "a group / of ours?") is None


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_reading_is_tried_again(server, grafana, status):
    server.faults = [Fault("GET", "folders", status), Fault("GET", "folders")]

    assert grafana.folder("gigawatt")["title"] == "Gigawatt"
    assert asked(server, "GET") == 3


def test_a_slow_answer_is_not_waited_for(server):
    server.faults = [replace(SLOW, method="GET")]

    assert Grafana(server.url, TOKEN, HASTY).folder("gigawatt")["title"] == "Gigawatt"


def test_after_the_last_attempt_the_trouble_is_told(server, grafana):
    server.faults = [Fault("GET", "folders", 503) for _ in range(9)]

    with pytest.raises(UnavailableError, match=r"reports an error: out of order \(503 on GET /api/folders/gigawatt\)"):
        grafana.folder("gigawatt")
    assert asked(server, "GET") == QUICK.attempts


@pytest.mark.parametrize("header", ["4", "Tue, 24 Nov 2026 10:00:00 GMT", "soon"])
def test_as_long_as_grafana_asks_is_waited(server, grafana, header):
    """Seconds count, a date in the past and nonsense do not delay."""
    server.faults = [Fault("GET", "folders", 429, headers={"Retry-After": header})]
    began = time.monotonic()
    grafana.folder("gigawatt")

    assert (time.monotonic() - began >= 4.0) == (header == "4")


def test_a_put_is_tried_again(server, grafana):
    server.faults = [Fault("PUT", "folders", 503, after=True)]
    grafana.rename_folder("gigawatt", "Power")

    assert server.folders["gigawatt"] == "Power"
    assert asked(server, "PUT") == 2


@pytest.mark.parametrize(
    "fault",
    [Fault("POST", "folders", 500), Fault("POST", "folders"), SLOW],
)
def test_a_post_that_may_have_arrived_is_not_sent_again(server, fault):
    server.faults = [fault]
    grafana = Grafana(server.url, TOKEN, HASTY if fault is SLOW else QUICK)

    with pytest.raises(UnavailableError) as caught:
        grafana.create_folder("new", "New")
    assert caught.value.perhaps_done
    assert asked(server, "POST") == 1


def test_a_post_that_was_turned_away_is_sent_again(server, grafana):
    """429 says that nothing was done."""
    server.faults = [Fault("POST", "folders", 429)]
    grafana.create_folder("new", "New")

    assert server.folders["new"] == "New"


def test_a_post_without_a_connection_is_tried_again():
    with serving(GrafanaServer()) as server:
        url = server.url
    grafana = Grafana(url, TOKEN, QUICK)

    with pytest.raises(UnavailableError, match=r"does not answer \(Connection refused\); start it, or set") as caught:
        grafana.create_folder("new", "New")
    assert not caught.value.perhaps_done
    assert url in str(caught.value)


@pytest.mark.parametrize(
    ("token", "forbidden", "told"),
    [
        ("glsa_old", {}, r"Invalid API key \(401\); the token is wrong, expired or of another Grafana"),
        (
            TOKEN,
            {"/api/folders": "folders:create"},
            r"needed: folders:create \(403\); the token has no right to do this",
        ),
    ],
)
def test_a_token_that_does_not_do_is_told_with_what_to_do(server, token, forbidden, told):
    server.forbidden = forbidden

    with pytest.raises(GrafanaError, match=told):
        Grafana(server.url, token, QUICK).create_folder("new", "New")
    assert asked(server, "POST") == 1


def test_conflicts_say_which(server, grafana):
    with pytest.raises(GrafanaError, match=r"\(409\); another object has this name or uid"):
        grafana.create_folder("gigawatt", "Gigawatt")
    grafana.save_dashboard({"uid": "a", "title": "A"}, "gigawatt")
    with pytest.raises(GrafanaError, match=r"\(412\); it was changed by another user meanwhile"):
        grafana.save_dashboard({"uid": "a", "title": "B", "version": 9}, "gigawatt")
    assert server.dashboards["a"]["dashboard"]["title"] == "A"


def test_a_redirect_is_told_and_not_followed(server, grafana):
    """A POST would arrive as a GET, and the token somewhere else."""
    server.faults = [Fault("POST", "folders", 301, headers={"Location": "https://grafana.example/api/folders"})]

    with pytest.raises(
        GrafanaError, match=r"redirects to https://grafana.example/api/folders; use that address with --url"
    ):
        grafana.create_folder("new", "New")


def test_a_gitops_listener_stores_nothing(server, grafana):
    """202 means that someone else is to commit it."""
    server.pending = True

    with pytest.raises(GrafanaError, match="did not store it: changes were broadcast"):
        grafana.save_dashboard({"uid": "a", "title": "A"}, "gigawatt")


def test_what_is_no_grafana_is_called_that(server, grafana):
    assert grafana.version() == "12.2.0"
    for status, body, kind in [
        (404, b"", "text/plain"),
        (200, b"<html>", "text/html"),
        (200, b"[]", "application/json"),
    ]:
        server.faults = [Fault("GET", "health", status, body, {"Content-Type": kind})]
        with pytest.raises(GrafanaError, match="Grafana"):
            grafana.version()


@pytest.mark.parametrize("url", ["", "grafana:3000", "ftp://grafana", "http://", "http://g:70000", "http://g/?orgId=2"])
def test_an_address_that_cannot_be_is_named(url):
    with pytest.raises(GrafanaError, match="is not an address of a Grafana; write it as http://host:3000"):
        Grafana(url, TOKEN)


def test_a_login_in_the_address_is_refused_and_not_repeated():
    with pytest.raises(GrafanaError) as caught:
        Grafana("http://admin:hunter2@grafana:3000", TOKEN)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://g.example", "https://g.example"),
        ("http://[::1]:3000/", "http://[::1]:3000"),
        ("https://g.example/tools/grafana/", "https://g.example/tools/grafana"),
    ],
)
def test_addresses_keep_port_and_path(url, address):
    assert Grafana(url, TOKEN).address == address


def test_the_package_imports_without_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Grafana("http://g:3000", TOKEN)
