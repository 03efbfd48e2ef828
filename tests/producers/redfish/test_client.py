"""The client of Redfish services, against a real one on loopback, over TLS."""

import gzip
import threading
import zlib
from urllib.parse import urlsplit

import pytest
import trustme

from producers.redfish.client import REFUSED_FOR_S, ROOT, Login, NoResourceError, Redfish
from producers.redfish.transport import ResourceError
from producers.source import SourceError
from producers.trust import Trust
from schema.errors import GigawattError
from tests.producers.redfish_service import ACCOUNT, SESSIONS, Service, chassis, link, serving, watts

CHASSIS = f"{ROOT}Chassis"
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
        with pytest.raises(SourceError, match=r"rejects user 'gigawatt'; check --user and the password"):
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
        with pytest.raises(SourceError, match="rejects user"):
            client.get(CHASSIS)
    client.close()

    assert service.tokens == {}


def test_a_resource_that_is_refused_costs_no_other(service, ca_file, opened):
    """A new login does not help there, and is tried once an hour."""
    closed = f"{CHASSIS}/closed"
    client = opened(service.url, login=SESSION, trust=Trust(ca_file))

    def respond(handler):
        status = 401 if handler.path == closed else 200
        service.answer(handler, status, {"Members": []} if status == 200 else None)

    service.respond = respond
    client.get(CHASSIS)
    for _ in range(3):
        with pytest.raises(ResourceError, match="this user may not read it"):
            client.get(closed)
        assert client.get(CHASSIS) == {"Members": []}
    assert service.asked("POST") == [SESSIONS] * 2
    service.tokens.clear()

    assert client.get(CHASSIS) == {"Members": []}


def test_a_resource_that_is_refused_to_basic_is_not_asked_for_again(service, ca_file, opened):
    """Each refusal counts towards a lockout. Whether it is the password's, another resource tells."""
    closed = [f"{CHASSIS}/closed-{number}" for number in (1, 2)]
    client = opened(service.url, login=BASIC, trust=Trust(ca_file))
    service.respond = lambda handler: service.answer(handler, 401 if handler.path in closed else 200, {})
    client.get(CHASSIS)
    for path in closed * 3:
        with pytest.raises(ResourceError, match="this user may not read it"):
            client.get(path)
    client.get(CHASSIS)
    service.account = ("gigawatt", "another")
    for _ in range(3):
        with pytest.raises(SourceError, match="rejects user 'gigawatt'"):
            client.get(f"{CHASSIS}/1")

    assert service.asked("GET") == [CHASSIS, closed[0], CHASSIS, closed[1], CHASSIS, CHASSIS, f"{CHASSIS}/1", CHASSIS]


def test_a_password_is_not_shown():
    """Not even where a login is printed."""
    assert "secret" not in repr(Login("me", "secret"))


def test_a_password_is_not_sent_in_the_clear():
    """Unless told so, or to this machine itself."""
    with pytest.raises(GigawattError, match="unencrypted"):
        Redfish("http://10.0.0.7", login=SESSION)
    Redfish("http://10.0.0.7", login=SESSION, trust=Trust(insecure=True)).close()
    Redfish("http://[::1]:8000", login=SESSION).close()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_on_the_same_service_is_followed(plain, opened, status):
    """To the path with a slash at its end, or wherever; however the address is written."""
    for location in (f"{CHASSIS}/", "Chassis/", f"{plain.url}{CHASSIS}/", f"HTTP{plain.url[4:]}{CHASSIS}/#x"):

        def respond(handler, location=location):
            moved = not handler.path.endswith("/")
            headers = [("Location", location)] if moved else []
            plain.answer(handler, status if moved else 200, {"Members": []}, headers)

        plain.respond = respond

        assert opened(plain.url).get(CHASSIS) == {"Members": []}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_login_is_sent_again_to_where_it_is_redirected(service, ca_file, opened, status):
    """Supermicro's is at .../Sessions/."""
    log_in = service.post

    def post(handler):
        if handler.path == SESSIONS:
            handler.rfile.read(int(handler.headers["Content-Length"]))
            service.answer(handler, status, headers=[("Location", f"{SESSIONS}/")])
        else:
            handler.path = handler.path.rstrip("/")
            log_in(handler)

    service.post = post
    client = opened(service.url, login=SESSION, trust=Trust(ca_file))
    client.get(CHASSIS)
    client.close()

    assert service.asked("POST") == [SESSIONS, f"{SESSIONS}/"]
    assert service.tokens == {}


def test_a_redirect_to_another_service_is_not_followed(service, ca_file, opened):
    """Neither password nor token leaves this one: another host, another port and another scheme are another service."""
    with serving(Service(chassis("1", environment=watts(9)))) as other:
        port = urlsplit(service.url).port
        for elsewhere in (other.url, f"http://127.0.0.1:{port}", f"https://localhost:{port}", "https://127.0.0.1"):
            location = f"{elsewhere.replace('//', '//a:b@')}{CHASSIS}?ticket=1"
            for method in ("get", "post"):
                client = opened(service.url, login=SESSION, trust=Trust(ca_file))
                setattr(service, method, lambda handler, to=location: moved(service, handler, to))
                with pytest.raises(SourceError, match=f"308 Permanent Redirect: .* redirects to, {elsewhere}(;|$)"):
                    client.get(CHASSIS)
                delattr(service, method)
                client.close()
        assert other.requests == []


def moved(service, handler, location):
    handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
    service.answer(handler, 308, headers=[("Location", location)])


@pytest.mark.parametrize("location", [None, "", "http://[", "https://bmc:port/", "mailto:me", "/a b"])
def test_a_redirect_to_nowhere_is_a_failure(plain, opened, location):
    headers = [] if location is None else [("Location", location)]
    plain.respond = lambda handler: plain.answer(handler, 307, headers=headers)
    with pytest.raises(SourceError, match="answered 307 Temporary Redirect"):
        opened(plain.url).get(CHASSIS)


def test_redirects_in_a_circle_end(plain, opened):
    plain.respond = lambda handler: plain.answer(handler, 308, headers=[("Location", handler.path + "/")])
    with pytest.raises(SourceError, match="redirects more than 5 times"):
        opened(plain.url).get(CHASSIS)

    assert len(plain.requests) == 6


@pytest.mark.parametrize("elsewhere", [f"{ROOT}Sessions", f"{SESSIONS}/"])
def test_sessions_are_where_the_root_says(service, ca_file, opened, elsewhere):
    """Where the usual place has none; anyone may read the root. Or they have a slash at their end."""
    log_in = service.post
    service.allows = lambda headers, allows=service.allows: allows(headers) or service.requests[-1] == ("GET", ROOT)
    service.resources[ROOT] = {"Links": {"Sessions": link(elsewhere)}} if elsewhere != f"{SESSIONS}/" else {}

    def post(handler):
        if handler.path == elsewhere:
            handler.path = SESSIONS
            log_in(handler)
        else:
            handler.rfile.read(int(handler.headers["Content-Length"]))
            service.answer(handler, 404)

    service.post = post
    client = opened(service.url, login=SESSION, trust=Trust(ca_file))

    assert client.get(CHASSIS)["Members"]
    assert service.asked("POST") == [SESSIONS, elsewhere]


@pytest.mark.parametrize("where", ["header", "body", "relative"])
def test_a_session_is_ended_wherever_it_is_named(service, ca_file, opened, where):
    def post(handler):
        handler.rfile.read(int(handler.headers["Content-Length"]))
        service.tokens["t"] = f"{SESSIONS}/9"
        place = {"header": f"{SESSIONS}/9", "relative": "Sessions/9"}.get(where)
        headers = [("X-Auth-Token", "t"), *([("Location", place)] if place else [])]
        service.answer(handler, 201, link(f"{SESSIONS}/9"), headers)

    service.post = post
    client = opened(service.url, login=SESSION, trust=Trust(ca_file))
    client.get(CHASSIS)
    client.close()

    assert service.asked("DELETE") == [f"{SESSIONS}/9"]
    assert service.tokens == {}


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
    with pytest.raises(SourceError, match="check whether it is a Redfish service"):
        client.get(CHASSIS)
    plain.respond = None

    assert client.get(CHASSIS)["Members"]


def sent(body, *headers):
    def respond(handler):
        handler.send_response(200)
        for name, value in (*headers, ("Content-Length", str(len(body)))):
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return respond


JSON = '{"Members": [], "Name": "32 °C"}'


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"\xef\xbb\xbf" + JSON.encode(), []),
        (JSON.encode("utf-16"), []),
        (JSON.encode(), [("Content-Type", "text/html; charset=klingon")]),
        (JSON.encode(), [("Content-Type", "")]),
        (gzip.compress(JSON.encode(), mtime=0), [("Content-Encoding", "gzip")]),
        (zlib.compress(JSON.encode()), [("Content-Encoding", "Deflate")]),
        (JSON.encode(), [("Content-Encoding", "identity")]),
    ],
)
def test_json_is_read_however_it_is_wrapped(plain, opened, body, headers):
    """Marks of byte order, packing that nobody asked for, and types that are none."""
    plain.respond = sent(body, *headers)

    assert opened(plain.url).get(CHASSIS) == {"Members": [], "Name": "32 °C"}


def test_a_byte_that_is_no_text_costs_its_character_alone(plain, opened):
    plain.respond = sent(JSON.encode("latin-1"))

    assert opened(plain.url).get(CHASSIS)["Members"] == []


@pytest.mark.parametrize(
    ("body", "encoding", "message"),
    [
        (gzip.compress(b" " * 5 * 2**20, mtime=0), "gzip", "sent more than 4 MiB"),
        (b"{}", "gzip", "cannot be decompressed"),
        (b"{}", "br", "with the encoding br, which was not requested"),
    ],
)
def test_what_cannot_be_unpacked_within_its_bound_is_a_failure(plain, opened, body, encoding, message):
    plain.respond = sent(body, ("Content-Encoding", encoding))
    with pytest.raises(ResourceError, match=message):
        opened(plain.url).get(CHASSIS)


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
    with pytest.raises(SourceError, match="closed the connection during its answer"):
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
    with pytest.raises(SourceError, match=r"^https://127\.0\.0\.1:1 cannot be reached"):
        opened("127.0.0.1:1").get(CHASSIS)


def test_a_service_that_gives_no_session_is_said(plain, opened):
    """There are services that know HTTP Basic alone."""
    plain.post = lambda handler: plain.answer(handler, 201, {})
    with pytest.raises(SourceError, match="sent no X-Auth-Token; use --login basic"):
        opened(plain.url, login=SESSION).get(CHASSIS)
    plain.post = lambda handler: plain.answer(handler, 405)
    with pytest.raises(SourceError, match="405 Method Not Allowed; if the service has no sessions, use --login basic"):
        opened(plain.url, login=SESSION).get(CHASSIS)
