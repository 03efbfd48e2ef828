"""A door before a server on loopback: it speaks TLS, wants a certificate of who comes, and keeps whose it was."""

import select
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import trustme


@dataclass
class Door:
    """Where it is, and the serial numbers of the certificates that were shown."""

    port: int = 0
    shown: list[str] = field(default_factory=list)


@contextmanager
def door(behind: int, certificate: trustme.LeafCert, asks_for: trustme.CA) -> Iterator[Door]:
    """Let in to the server at a port of this machine whoever has a certificate of an authority, until it is closed."""
    made, context = Door(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    context.verify_mode = ssl.CERT_REQUIRED
    asks_for.configure_trust(context)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError), context.wrap_socket(self.request, server_side=True) as secure:
                made.shown.append(str(secure.getpeercert()["serialNumber"]))
                with socket.create_connection(("127.0.0.1", behind)) as server:
                    _carry(secure, server)

    class Listening(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    with Listening(("127.0.0.1", 0), Handler) as server:
        made.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()


def _carry(secure: ssl.SSLSocket, server: socket.socket) -> None:
    """Carry what comes to the other side, until one of them ends; in one thread, as TLS wants it."""
    while True:
        for one in [secure] if secure.pending() else select.select([secure, server], [], [])[0]:
            part = one.recv(65536)
            if not part:
                return
            (server if one is secure else secure).sendall(part)
