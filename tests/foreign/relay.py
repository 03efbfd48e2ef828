"""A wire between a browser and a server on loopback: it keeps what crosses, and is an attacker's server besides."""

import re
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

_OWN: Final = re.compile(rb"\A[A-Z]+ (?:http://[^/ ]+)?(/attack[^ ]*)")
_ASKED: Final = re.compile(rb"(DELETE|GET|HEAD|OPTIONS|POST|PUT) (/\S*) HTTP/1\.1\r\n")
_ANSWERED: Final = re.compile(rb"HTTP/1\.1 (\d{3}) ")
_WORKER: Final = b"""onmessage = async ({ data, source }) =>
    source.postMessage(await fetch(data, { mode: "no-cors" }).then(answer => answer.text()).catch(String));
addEventListener("activate", event => event.waitUntil(clients.claim()));
"""
_PAGE: Final = b"<!doctype html><title>attack</title><body><a href='#'>nothing</a></body>"


@dataclass
class Relay:
    """What crossed to and from the server behind it, one entry for each connection.

    Paths that begin with `/attack` are the attacker's own, so that a page of his has the same origin as the server. So
    it is when he lets the name of his own server mean this machine as soon as his page is loaded (DNS rebinding).
    """

    behind: int | None
    port: int = 0
    asked: list[bytearray] = field(default_factory=list)
    answered: list[bytearray] = field(default_factory=list)

    def exchanges(self) -> list[tuple[str, str, int]]:
        """Return method, target and status of each request that the server answered; each connection has its order."""
        return [
            (method.decode(), target.decode(), int(status))
            for asked, answered in zip(self.asked, self.answered, strict=False)
            for (method, target), status in zip(_ASKED.findall(asked), _ANSWERED.findall(answered), strict=False)
        ]

    def crossed(self, text: str) -> bool:
        """Say whether a text stood in any answer."""
        return any(text.encode() in one for one in self.answered)

    def forget(self) -> None:
        """Forget what crossed so far."""
        self.asked.clear()
        self.answered.clear()

    def handle(self, browser: socket.socket) -> None:
        """Answer one connection, or carry it to the server behind."""
        head = b""
        while b"\r\n\r\n" not in head:
            if not (more := browser.recv(65536)):
                return
            head += more
        own = _OWN.match(head)
        if own or self.behind is None:
            browser.sendall(_attackers(own[1].decode() if own else "/"))
            return
        asked, answered = bytearray(), bytearray()
        self.asked.append(asked)
        self.answered.append(answered)
        with socket.create_connection(("127.0.0.1", self.behind)) as server:
            back = threading.Thread(target=_carry, args=(server, browser, answered))
            back.start()
            asked += head
            server.sendall(head)
            _carry(browser, server, asked)
            back.join()


def _carry(one: socket.socket, other: socket.socket, kept: bytearray) -> None:
    with suppress(OSError):
        while part := one.recv(65536):
            kept += part
            other.sendall(part)
    with suppress(OSError):
        other.shutdown(socket.SHUT_RDWR)


def _attackers(path: str) -> bytes:
    """Answer as the attacker's own server does: a page, its service worker, or on to wherever he wants."""
    if on := re.match(r"/attack-on/(\d+)\?(.*)", path):
        return _answer(f"{on[1]} On", f"Location: {unquote(on[2])}", b"")
    if path == "/attack-worker.js":
        return _answer("200 OK", "Content-Type: text/javascript\r\nService-Worker-Allowed: /", _WORKER)
    return _answer("200 OK", "Content-Type: text/html", _PAGE)


def _answer(status: str, header: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status}\r\n{header}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


@contextmanager
def relayed(behind: int | None = None, host: str = "127.0.0.1") -> Iterator[Relay]:
    """Listen until the block ends: before the server on a port, or as an attacker's server alone."""
    relay = Relay(behind)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                relay.handle(self.request)

    class Server(socketserver.ThreadingTCPServer):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        daemon_threads = True
        block_on_close = False

    with Server((host, 0), Handler) as server:
        relay.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield relay
        finally:
            server.shutdown()
            thread.join()
