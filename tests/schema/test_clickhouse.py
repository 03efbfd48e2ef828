import base64
import socket
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
import trustme
import urllib3

from schema.clickhouse import ClickHouseAwayError, connect, trust_of
from schema.clickhouse_errors import refused, unreachable
from schema.errors import GigawattError
from tests.producers.exporter import Exporter, serving
from tests.schema.certificates import HERE, ca_file, expired, files

CA, CERTIFICATE, KEY = (f"GIGAWATT_CLICKHOUSE_{name}" for name in ("CA", "CERTIFICATE", "KEY"))
MISSING = "Not enough privileges. To execute this query, it's necessary to have the grant"
PASSWORD_FILE = "GIGAWATT_CLICKHOUSE_PASSWORD_FILE"  # noqa: S105  the variable's name


@pytest.mark.parametrize(
    "url", ["", "nourl", "ftp://host", "http://", "http://host:99999", "http://host:abc", "http://host:0"]
)
def test_what_is_no_address_is_refused_in_one_line(url):
    with pytest.raises(GigawattError, match="is not a ClickHouse address; write it as http://host:8123"):
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
        pytest.raises(GigawattError, match=r"is not a ClickHouse server \(HTTP status 501\); set the HTTP address"),
    ):
        connect(exporter.url)


def test_where_nothing_listens_nothing_answers():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        with pytest.raises(
            ClickHouseAwayError, match=r"does not answer \(.*refused\); start it, or change GIGAWATT_CLICKHOUSE"
        ):
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


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def ca(authority, tmp_path):
    return ca_file(authority, tmp_path)


@contextmanager
def listening(certificate=None, asks_for=None):
    """Serve what is no ClickHouse, and keep of each request its headers and the certificate of who asked."""
    exporter = Exporter()
    exporter.seen = []

    def respond(handler):
        peer = handler.connection.getpeercert() if certificate is not None else None
        exporter.seen.append((dict(handler.headers.items()), peer and peer["serialNumber"]))
        handler.send_error(501)

    exporter.respond = respond
    with serving(exporter, certificate, asks_for):
        exporter.url = exporter.url.removesuffix("/metrics")
        yield exporter


def away(url, environment=None):
    """Ask in vain; return the line that the operator is told."""
    with pytest.raises(GigawattError) as raised:
        connect(url, environment=environment or {})
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_a_certificate_that_nobody_vouches_for_is_not_believed(authority):
    with listening(authority.issue_cert(HERE)) as store:
        said = away(store.url)

    assert "has an untrusted certificate" in said
    assert f"name the file of the CA that signed it with {CA}" in said
    assert store.seen == []


def test_a_certificate_of_another_name_is_not_believed(authority, ca):
    with listening(authority.issue_cert("store.example")) as store:
        said = away(store.url, {CA: str(ca)})

    assert "has a certificate for another name" in said
    assert store.seen == []


def test_an_expired_certificate_is_not_believed(authority, ca):
    with listening(expired(authority, HERE)) as store:
        assert "has an expired certificate; renew it on the server" in away(store.url, {CA: str(ca)})


def test_https_asked_of_http_is_told():
    with listening() as store:
        said = away(store.url.replace("http:", "https:"))

    assert "does not use TLS at this port; check whether it is http, or another port" in said


def test_http_asked_of_https_is_told(authority):
    with listening(authority.issue_cert(HERE)) as store:
        said = away(store.url.replace("https:", "http:"))

    assert "closed the connection without an answer; if it serves https there" in said


def test_a_certificate_is_shown_to_a_server_that_asks_for_one(authority, ca, tmp_path):
    own = files(authority.issue_cert("worker@example"), tmp_path, "worker")
    named = {CA: str(ca), CERTIFICATE: str(own.certificate), KEY: str(own.key)}
    with listening(authority.issue_cert(HERE), asks_for=authority) as store:
        assert "is not a ClickHouse server" in away(store.url, named)
        unknown = away(store.url, {CA: str(ca)})

    assert f"requires a client certificate; set the certificate and its key with {CERTIFICATE} and {KEY}" in unknown
    assert store.seen
    assert all(shown for _, shown in store.seen)


def test_a_certificate_of_ours_that_has_expired_is_told(authority, ca, tmp_path):
    own = files(expired(authority, "worker@example"), tmp_path, "worker")
    named = {CA: str(ca), CERTIFICATE: str(own.certificate), KEY: str(own.key)}
    with listening(authority.issue_cert(HERE), asks_for=authority) as store:
        assert f"rejects the certificate of {CERTIFICATE}: it has expired" in away(store.url, named)


def test_a_certificate_alone_says_who_asks(authority, ca, tmp_path):
    """As the user whom the URL names; a password, where there is one, goes before it."""
    own = files(authority.issue_cert("worker@example"), tmp_path, "worker")
    named = {CA: str(ca), CERTIFICATE: str(own.certificate), KEY: str(own.key)}
    with listening(authority.issue_cert(HERE), asks_for=authority) as store:
        away(store.url.replace("//", "//worker@"), named)
        away(store.url.replace("//", "//worker:secret@"), named)

    (alone, _), *_, (with_password, _) = store.seen
    assert alone["X-ClickHouse-User"] == "worker"
    assert alone["X-ClickHouse-SSL-Certificate-Auth"] == "on"
    assert "Authorization" not in alone
    assert with_password["Authorization"] == basic("worker", "secret")


def test_a_certificate_of_ours_that_was_renewed_is_shown_with_the_next_connection(authority, ca, tmp_path):
    """A worker that runs need not be started anew; what is half written is passed over."""
    own = files(authority.issue_cert("worker@example"), tmp_path, "worker")
    named = {CA: str(ca), CERTIFICATE: str(own.certificate), KEY: str(own.key)}
    with listening(authority.issue_cert(HERE), asks_for=authority) as store:
        trust = trust_of(urlsplit(store.url), named)
        for renew in (None, "half written", authority.issue_cert("worker@example")):
            if renew == "half written":
                own.certificate.write_text(own.certificate.read_text()[:100])
            elif renew:
                own.renew(renew)
            with urllib3.PoolManager(ssl_context=trust.context()) as pool:
                pool.request("GET", store.url)

    first, second, third = [shown for _, shown in store.seen]
    assert first == second != third


@pytest.mark.parametrize("name", [CA, CERTIFICATE])
def test_a_file_that_is_no_certificate_is_told_before_anybody_is_asked(tmp_path, name):
    file = tmp_path / "file.pem"
    file.write_text("no certificate")

    assert str(file) in away("https://127.0.0.1:1", {name: str(file)})


def test_a_key_needs_its_certificate():
    assert f"{KEY} needs its certificate; set {CERTIFICATE}" in away("https://a:1", {KEY: "a.key"})


def test_any_users_password_may_stand_in_a_file(tmp_path):
    """It is what stands there when asked, and a password in the URL goes before it, even an empty one."""
    file = tmp_path / "password"
    file.write_text("pass wörd\n")
    with listening() as store:
        for user in ("worker@", "", "worker:other@", "worker:@"):
            away(store.url.replace("//", f"//{user}"), {PASSWORD_FILE: str(file)})

    found = list(dict.fromkeys(headers["Authorization"] for headers, _ in store.seen))
    assert found == [
        basic("worker", "pass wörd"), basic("default", "pass wörd"), basic("worker", "other"),
        basic("worker", ""),
    ]  # fmt: skip


@pytest.mark.parametrize("text", [None, "", " \n"])
def test_a_password_file_without_one_is_told(tmp_path, text):
    file = tmp_path / "password"
    if text is not None:
        file.write_text(text)

    assert str(file) in away("http://worker@127.0.0.1:1", {PASSWORD_FILE: str(file)})


def basic(user, password):
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


@pytest.mark.parametrize(("secure", "said"), [(True, "client certificate"), (False, "write https:// in")])
def test_a_connection_that_is_closed_without_a_word_is_told(secure, said):
    closed = ValueError("('Connection aborted.', RemoteDisconnected('Remote end closed connection without response'))")

    assert said in unreachable("store:8443", closed, secure=secure)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            f"Received: Code: 497. DB::Exception: grafana: {MISSING} INSERT(a, b) ON gigawatt.rejected_rows. (ACCESS)",
            "ClickHouse's user grafana has no right to INSERT on gigawatt.rejected_rows; connect as another user",
        ),
        (
            f"Code: 497. DB::Exception: worker: {MISSING} SELECT(a) ON db.t. (Missing permissions: SELECT(a) ON db.t)",
            "ClickHouse's user worker has no right to SELECT on db.t; connect as another user",
        ),
        (
            "Code: 164. DB::Exception: grafana: Cannot execute query in readonly mode. (READONLY)",
            "ClickHouse's user grafana may only read; connect as another user",
        ),
        (
            "Code: 516. DB::Exception: grafana: Authentication failed: password is incorrect, or there is no user",
            "ClickHouse rejects the login of its user grafana: wrong password or unknown user",
        ),
        ("Code: 60. DB::Exception: Table gigawatt.nothing does not exist", ""),
    ],
)
def test_what_a_user_may_not_is_told_in_one_line(text, said):
    """Who, what and on what; other errors are told as they are."""
    assert refused(ValueError(text)).startswith(said)
    assert bool(refused(ValueError(text))) == bool(said)
