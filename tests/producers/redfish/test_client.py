"""The client of Redfish services, against a real one on loopback, over TLS."""

import threading

import pytest
import trustme

from producers.redfish.client import REFUSED_FOR_S, Login, NoResourceError, Redfish, base_url, path_of
from producers.redfish.trust import Trust
from producers.source import SourceError
from schema.errors import GigawattError
from tests.producers.redfish_service import ACCOUNT, ROOT, SESSIONS, Service, chassis, serving, watts

CHASSIS = f"{ROOT}/Chassis"
SESSION = Login(*ACCOUNT)
BASIC = Login(*ACCOUNT, "basic")


@pytest.fixture(scope="session")
def authority():
    return trustme.CA()


@pytest.fixture(scope="session")
def certificate(authority):
    return authority.issue_cert("127.0.0.1")


@pytest.fixture
def ca_file(authority, tmp_path):
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


@pytest.fixture
def service(certificate):
    with serving(Service(chassis("1", environment=watts(500)), account=ACCOUNT), certificate) as running:
        yield running


@pytest.fixture
def plain():
    with serving(Service(chassis("1", environment=watts(500)))) as running:
        yield running


@pytest.fixture
def opened():
    """Open clients that are closed at the end."""
    clients = []

    def open_one(url, **options):
        clients.append(Redfish(url, timeout_s=60, **options))
        return clients[-1]

    yield open_one
    for client in clients:
        client.close()


def test_a_session_is_one_login_and_ends_with_a_logout(service, ca_file, opened):
    """The password is sent once, over one connection, and nothing is left behind."""
    client = opened(service.url, login=SESSION, trust=Trust(ca_file))
    for _ in range(3):
        assert client.get(CHASSIS)["Members"]
    client.close()

    assert service.requests == [("POST", SESSIONS), *[("GET", CHASSIS)] * 3, ("DELETE", f"{SESSIONS}/1")]
    assert service.tokens == {}
    assert service.connections == 1


def test_a_session_that_has_ended_is_begun_anew(service, ca_file, opened):
    """Services end sessions as they please: a 401 is answered with a new login, once."""
    client = opened(service.url, login=SESSION, trust=Trust(ca_file))
    client.get(CHASSIS)
    service.tokens.clear()

    assert client.get(CHASSIS)["Members"]
    assert service.asked("POST") == [SESSIONS] * 2


def test_basic_needs_no_session(service, ca_file, opened):
    """Each request tells who asks, in UTF-8."""
    client = opened(service.url, login=BASIC, trust=Trust(ca_file))

    assert client.get(CHASSIS)["Members"]
    assert service.asked("POST") == []


@pytest.mark.parametrize("method", ["session", "basic"])
def test_a_refused_login_is_not_tried_again_for_five_minutes(service, ca_file, opened, method):
    """Whoever keeps trying is locked out; after five minutes the password may have been put right."""
    now_s = [1000.0]
    login = Login("gigawatt", "wrong", method)
    client = opened(service.url, login=login, trust=Trust(ca_file), elapsed=lambda: now_s[0])
    for _ in range(3):
        with pytest.raises(SourceError, match=r"refuses user 'gigawatt': check --user and the password"):
            client.get(CHASSIS)
    assert len(service.requests) == 1
    service.account = ("gigawatt", "wrong")
    now_s[0] += REFUSED_FOR_S

    assert client.get(CHASSIS)["Members"]


def test_a_session_that_is_refused_everything_is_ended(service, ca_file, opened):
    """A user that may log in and read nothing leaves no sessions behind, one for each try."""
    client = opened(service.url, login=SESSION, trust=Trust(ca_file))
    client.get(CHASSIS)
    service.respond = lambda handler: service.answer(handler, 401)
    for _ in range(2):
        with pytest.raises(SourceError, match="refuses user"):
            client.get(CHASSIS)
    client.close()

    assert service.tokens == {}


def test_a_password_is_not_shown():
    """Not even where a login is printed."""
    assert "secret" not in repr(Login("me", "secret"))


def test_a_password_is_not_sent_in_the_clear():
    """Unless told so, or to this machine itself."""
    with pytest.raises(GigawattError, match="in the clear"):
        Redfish("http://10.0.0.7", login=SESSION)
    Redfish("http://10.0.0.7", login=SESSION, trust=Trust(insecure=True)).close()
    Redfish("http://[::1]:8000", login=SESSION).close()


def test_redirects_are_not_followed(service, ca_file, opened):
    """A token must not end up elsewhere; the operator is told where it would have gone."""
    service.respond = lambda handler: service.answer(handler, 308, headers=[("Location", "https://a:b@elsewhere/?t=1")])
    with pytest.raises(SourceError, match=r"308 Permanent Redirect: give the address .* https://elsewhere/$"):
        opened(service.url, login=SESSION, trust=Trust(ca_file)).get(CHASSIS)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (401, "answered 401 Unauthorized: give a --user"),
        (403, "answered 403 Forbidden: give a --user"),
        (500, "/redfish/v1/Chassis answered 500 Internal Server Error"),
        (503, "answered 503 Service Unavailable"),
    ],
)
def test_what_is_no_success_is_a_failure(plain, opened, status, message):
    plain.respond = lambda handler: plain.answer(handler, status)
    with pytest.raises(SourceError, match=message):
        opened(plain.url).get(CHASSIS)


def test_a_resource_that_is_not_there_is_told_apart(plain, opened):
    with pytest.raises(NoResourceError, match="has no /redfish/v1/Chassis/7"):
        opened(plain.url).get(f"{CHASSIS}/7")


@pytest.mark.parametrize(
    "body", [b"", b"<html>login</html>", b'{"Members": [', b"[]", b"null", b"[" * 100_000, b"\xff"]
)
def test_garbage_is_a_failure_and_the_next_answer_is_read(plain, opened, body):
    """What is not a whole JSON object is not guessed at."""

    def respond(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    plain.respond = respond
    client = opened(plain.url)
    with pytest.raises(SourceError, match="is it a Redfish service"):
        client.get(CHASSIS)
    plain.respond = None

    assert client.get(CHASSIS)["Members"]


def test_half_a_body_is_a_failure(plain, opened):
    """Even one that is JSON as far as it goes."""

    def respond(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b"{}")
        handler.close_connection = True

    plain.respond = respond
    client = opened(plain.url)
    with pytest.raises(SourceError, match="broke off in the middle"):
        client.get(CHASSIS)
    plain.respond = None

    assert client.get(CHASSIS)["Members"]


def test_a_service_that_hangs_is_left_alone(plain):
    """The whole request has its time, whatever part of it is slow."""
    done = threading.Event()

    def respond(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        while not done.wait(0.05):
            handler.wfile.write(b" ")
            handler.wfile.flush()

    plain.respond = respond
    client = Redfish(plain.url, timeout_s=0.3)
    with pytest.raises(SourceError, match=r"did not (finish|answer) within 0\.3 s"):
        client.get(CHASSIS)
    done.set()
    client.close()


def test_an_endless_answer_is_cut_off(plain, opened):
    def respond(handler):
        handler.send_response(200)
        handler.end_headers()
        for _ in range(100):
            handler.wfile.write(b" " * 2**20)
        handler.close_connection = True

    plain.respond = respond
    with pytest.raises(SourceError, match="sent more than 4 MiB"):
        opened(plain.url).get(CHASSIS)


def test_a_service_that_is_not_there_is_said(opened):
    with pytest.raises(SourceError, match=r"^https://127\.0\.0\.1:1 cannot be connected to"):
        opened("127.0.0.1:1").get(CHASSIS)


def test_a_service_that_gives_no_session_is_said(plain, opened):
    """There are services that know HTTP Basic alone."""
    plain.post = lambda handler: plain.answer(handler, 201, {})
    with pytest.raises(SourceError, match="gave no X-Auth-Token: use --login basic"):
        opened(plain.url, login=SESSION).get(CHASSIS)
    plain.post = lambda handler: plain.answer(handler, 405)
    with pytest.raises(SourceError, match="405 Method Not Allowed; where there are no sessions, use --login basic"):
        opened(plain.url, login=SESSION).get(CHASSIS)


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("10.0.0.7", "https://10.0.0.7"),
        ("https://bmc.example:8443/", "https://bmc.example:8443"),
        ("http://[::1]:8000/redfish/v1/", "http://[::1]:8000"),
    ],
)
def test_an_address_is_scheme_host_and_port(url, base):
    assert base_url(url) == base


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("https://me:secret@bmc", "^leave user and password out"),
        ("ftp://me:secret@bmc:port", "^leave user and password out"),
        ("me:se/cret@bmc", "^leave user and password out"),
        ("https://bmc/redfish/v1/Chassis/1", "give its address alone, such as https://bmc"),
        ("ftp://bmc", "not an http or https URL"),
        ("https://", "not an http or https URL"),
        ("https://bmc:port", "not a URL"),
    ],
)
def test_a_wrong_address_is_a_mistake(url, message):
    with pytest.raises(GigawattError, match=message):
        base_url(url)


@pytest.mark.parametrize(
    ("reference", "path"),
    [
        ("/redfish/v1/Chassis/1", "/redfish/v1/Chassis/1"),
        ("/redfish/v1/Chassis/1/Power#/PowerControl/0", "/redfish/v1/Chassis/1/Power"),
        ("https://elsewhere/redfish/v1/Chassis?$skip=50", "/redfish/v1/Chassis?$skip=50"),
        ("//elsewhere/x", "/x"),
        ("relative", None),
        ("/a b", None),
        ("/a\r\nHost: elsewhere", None),
        ("http://[", None),
        ("", None),
        (None, None),
        (7, None),
    ],
)
def test_a_link_stays_on_the_service(reference, path):
    """Whatever a service says, what is asked next is a path of that service."""
    assert path_of(reference) == path
