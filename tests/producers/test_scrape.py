import gzip
import socket
import time
import zlib

import pytest

from producers.scrape import Scraper, checked_url
from producers.source import SourceError
from schema.errors import GigawattError
from tests.producers.exporter import Exporter, serving

DRIPS = 3_000
"""Each a fiftieth of a second: a minute, for who waits for the end."""
SOON_S = 30.0
"""A deadline that only a defect misses."""


@pytest.fixture
def exporter():
    with serving(Exporter(b"up 1\n")) as running:
        yield running


def test_a_page_is_read_over_one_connection(exporter):
    """The connection is kept from read to read."""
    peers = set()

    def respond(handler):
        peers.add(handler.client_address)
        exporter.page(handler)

    exporter.respond = respond
    scraper = Scraper(exporter.url)

    assert [scraper.read(), scraper.read()] == [b"up 1\n"] * 2
    assert len(peers) == 1
    scraper.close()


def fails(exporter, message, **bounds):
    scraper = Scraper(exporter.url, **bounds)
    with pytest.raises(SourceError, match=message) as raised:
        scraper.read()
    assert "\n" not in str(raised.value)
    assert exporter.url in str(raised.value)
    scraper.close()


def test_an_error_status_is_a_failure(exporter):
    """A page that comes with 500 is not read, and the next read is not confused by it."""

    def respond(handler):
        handler.send_response(500)
        handler.send_header("Content-Length", "7")
        handler.end_headers()
        handler.wfile.write(b"up 0\n\n\n")

    exporter.respond = respond
    fails(exporter, "answered 500")


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("/login", "answered 302 Found and redirects to /login; use that address if the exporter is there"),
        ("https://me:secret@sso.example/in?ticket=secret", "redirects to https://sso.example/in; use"),
        (None, "answered 302 Found$"),
    ],
)
def test_a_redirect_is_a_failure(exporter, target, said):
    """An exporter does not move: what redirects is a login page, or it is elsewhere for good, and is said to be."""

    def respond(handler):
        handler.send_response(302)
        if target:
            handler.send_header("Location", target)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    exporter.respond = respond
    fails(exporter, said)


def test_half_a_body_is_a_failure(exporter):
    """The exporter promised more than it sent."""

    def respond(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b"up 1\n")
        handler.close_connection = True

    exporter.respond = respond
    fails(exporter, "closed the connection during its answer")


def test_half_a_chunked_body_is_a_failure(exporter):
    """The last chunk never came."""

    def respond(handler):
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(b"5\r\nup 1\n\r\n64\r\nup")
        handler.close_connection = True

    exporter.respond = respond
    fails(exporter, "broke")


def test_without_a_length_half_a_line_is_left_out(exporter):
    """Where the end of the connection is the end of the page, half a number is no number."""

    def respond(handler):
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(b"up 1\nwatts 28")
        handler.close_connection = True

    exporter.respond = respond
    assert Scraper(exporter.url).read() == b"up 1\n"


def test_an_empty_body_is_a_failure(exporter):
    """Nothing at all is not a page without news."""
    exporter.body = b""
    fails(exporter, "empty body")


def test_what_is_no_http_is_a_failure(exporter):
    """Another kind of server answers at this port."""
    exporter.respond = lambda handler: handler.wfile.write(b"\x00\x01\x02 garbage\r\n\r\n")
    fails(exporter, "closed the connection")


def test_a_huge_body_is_cut_short(exporter):
    """A gigabyte is not read into memory, whether or not it is announced."""
    sent = 0

    def respond(handler):
        nonlocal sent
        handler.send_response(200)
        handler.send_header("Content-Length", str(2**30))
        handler.end_headers()
        while sent < 2**30:
            sent += handler.wfile.write(b"x" * 2**16)

    exporter.respond = respond
    fails(exporter, "sent more than 1 MiB", max_body_bytes=2**20)
    assert sent < 2**25


def test_a_slow_drip_is_given_up(exporter):
    """A byte now and then keeps no read alive beyond its time."""

    def respond(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        for _ in range(DRIPS):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.02)

    exporter.respond = respond
    began = time.monotonic()
    fails(exporter, "did not finish within 1 s", timeout_s=1.0)
    assert time.monotonic() - began < SOON_S


def test_silence_is_given_up():
    """A server that takes the connection and says nothing is given up after the timeout."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        scraper = Scraper(f"http://127.0.0.1:{mute.getsockname()[1]}", timeout_s=0.1)
        with pytest.raises(SourceError, match=r"did not answer within 0\.1 s"):
            scraper.read()


def test_nobody_there_is_a_failure():
    """The line says what to look after."""
    with socket.socket() as taken:  # it does not listen, and nobody else can
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(SourceError, match="check whether the exporter is running"):
            Scraper(f"http://127.0.0.1:{taken.getsockname()[1]}").read()


def test_compression_that_was_not_asked_for_is_not_unpacked(exporter):
    """A small answer cannot unfold into a large one."""
    exporter.body = gzip.compress(b"up 1\n" * 1000)
    body = Scraper(exporter.url).read()

    assert body == exporter.body


def drips(*pieces):
    """Answer with these, the last one a byte at a time for ever."""

    def respond(handler):
        *first, last = pieces
        for piece in first:
            handler.wfile.write(piece)
        for _ in range(DRIPS):
            handler.wfile.write(last)
            handler.wfile.flush()
            time.sleep(0.02)

    return respond


@pytest.mark.parametrize(
    "pieces",
    [
        (b"H",),
        (b"HTTP/1.1 200 OK\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\n", b"x: y\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n#\r\n"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"#"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", b"\x00\x00"),
    ],
    ids=["status", "header", "headers", "chunk-length", "chunks", "body", "packed"],
)
def test_no_part_of_an_answer_may_drip_on(exporter, pieces):
    """The time is that of the whole answer, wherever in it the server takes its time."""
    exporter.respond = drips(*pieces)
    began = time.monotonic()
    fails(exporter, r"did not (finish|answer) within 0\.3 s|compressed|closed", timeout_s=0.3)
    assert time.monotonic() - began < SOON_S


@pytest.mark.parametrize(("named", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_what_is_packed_is_unpacked_within_bounds(exporter, named, pack):
    """Though it was not asked for: some proxies pack whatever passes. A small answer stays small."""
    packed = pack(b"up 1\n" * 10)

    def respond(handler):
        handler.send_response(200)
        handler.send_header("Content-Encoding", named)
        handler.send_header("Content-Length", str(len(packed)))
        handler.end_headers()
        handler.wfile.write(packed)

    exporter.respond = respond
    assert Scraper(exporter.url).read() == b"up 1\n" * 10
    packed = pack(bytes(2**25))
    fails(exporter, "sent more than 1 MiB", max_body_bytes=2**20)
    packed = pack(b"up 1\n" * 10)[:-9]
    fails(exporter, "truncated compressed body")
    packed = b"up 1\n"
    fails(exporter, "cannot be decompressed")


def test_a_packing_that_nobody_knows_is_said(exporter):
    """There is nothing here that unpacks it."""

    def respond(handler):
        handler.send_response(200)
        handler.send_header("Content-Encoding", "br")
        handler.send_header("Content-Length", "3")
        handler.end_headers()
        handler.wfile.write(b"\x01\x02\x03")

    exporter.respond = respond
    fails(exporter, "with the encoding br, which was not requested")


def test_a_query_is_in_no_line_about_the_exporter(exporter):
    """It may be a ticket."""
    exporter.respond = lambda handler: handler.send_error(500)
    with pytest.raises(SourceError, match=r"/metrics answered 500") as raised:
        Scraper(f"{exporter.url}?ticket=secret").read()
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("127.0.0.1:9400", "http://127.0.0.1:9400/metrics"),
        ("http://node/", "http://node/metrics"),
        ("https://node:1/dcgm?x=1", "https://node:1/dcgm?x=1"),
    ],
)
def test_a_url_gets_its_usual_parts(given, url):
    """Scheme and path may be left out."""
    assert checked_url(given) == url


@pytest.mark.parametrize("given", ["", "ftp://node/", "http://", "http://[::1", "unix:///run/x"])
def test_what_is_no_url_is_refused(given):
    """The operator is told before anything is read."""
    with pytest.raises(GigawattError, match="not a"):
        checked_url(given)


@pytest.mark.parametrize(
    "url", ["http://me:secret@node/metrics", "ftp://me:secret@node", "me:secret@node:port", "http://me:1/secret@node"]
)
def test_a_password_in_a_url_is_refused_and_not_repeated(url):
    """It would stand in every line about this exporter, whatever else is wrong with it."""
    with pytest.raises(GigawattError, match="remove user and password") as raised:
        checked_url(url)
    assert "secret" not in str(raised.value)
