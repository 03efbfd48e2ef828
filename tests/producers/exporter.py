"""A stand-in for an exporter: a real HTTP server on loopback that answers what it is told to."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Respond = Callable[[BaseHTTPRequestHandler], None]


class Exporter:
    """Serves `body` with status 200, or whatever `respond` does when it is set."""

    def __init__(self, body: bytes = b"") -> None:
        self.body = body
        self.respond: Respond = self.page
        self.requests = 0
        self.url = ""

    def page(self, handler: BaseHTTPRequestHandler) -> None:
        body = self.body  # a test may set another while this one is on its way
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)


@contextmanager
def serving(exporter: Exporter, certificate=None, asks_for=None) -> Iterator[Exporter]:
    """Serve until the end of the block; `exporter.url` is where.

    `certificate` is one of trustme's and makes it https; `asks_for` is the authority of those that clients must show.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self):
            exporter.requests += 1
            exporter.respond(self)

        def do_POST(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.do_GET()

        def log_message(self, *_):
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_):
            """Pass over a client that hangs up, which is what some tests do."""

    with Server(("127.0.0.1", 0), Handler) as server:
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            certificate.configure_cert(context)
            if asks_for is not None:
                context.verify_mode = ssl.CERT_REQUIRED
                asks_for.configure_trust(context)
            # Hands are shaken with the first read, in the connection's own thread: one that fails costs no other.
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        exporter.url = f"{'http' if certificate is None else 'https'}://127.0.0.1:{server.server_port}/metrics"
        yield exporter
        server.shutdown()
        thread.join()
