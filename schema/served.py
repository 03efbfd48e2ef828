"""What a long-running process reports about itself over HTTP.

`/metrics` is for Prometheus. `/healthz` says whether the process lives and its loop turns: one that does not is to be
started again. `/readyz` says whether it does its work. Both answer 200, or 503 with one line that says why not.

A server of its own, in threads: a loop that hangs cannot answer for itself. What speaks HTTP already, the page and the
ClickHouse front, answers on its own port instead, by `SelfReport.reply`. It only reads, and is bounded against clients
that do not end; who is never asked does not load the library of Prometheus.
"""

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, cast

import structlog

from schema.address import Address
from schema.loopback import foreign, is_loopback
from schema.printable import safe_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client import CollectorRegistry, Metric

PATHS: Final = ("/metrics", "/healthz", "/readyz")
_TEXT: Final = "text/plain; charset=utf-8"
_EXPOSITION: Final = "text/plain; version=0.0.4; charset=utf-8"  # that every Prometheus reads
_CONNECTIONS_MOST: Final = 16
_CLIENT_WITHIN_S: Final = 5.0
_TRY_AGAIN_S: Final = 5.0


class Collects(Protocol):
    """Gives metrics as they are at the moment that it is asked."""

    def collect(self) -> "Iterable[Metric]":
        """Yield the families, those without samples too."""


class Reply(NamedTuple):
    """An answer."""

    status: int
    content_type: str
    body: bytes


def _well() -> str:
    return ""


class SelfReport:
    """What a process reports of itself. `alive` and `ready` return "" where all is well, else in one line why not.

    Without `process` its own CPU time and memory are left to the collectors.
    """

    def __init__(
        self,
        collectors: Sequence[Collects],
        *,
        alive: Callable[[], str] = _well,
        ready: Callable[[], str] = _well,
        process: bool = True,
    ) -> None:
        self._collectors = collectors
        self._alive = alive
        self._ready = ready
        self._process = process
        self._registry: CollectorRegistry | None = None
        self._making = threading.Lock()

    def reply(self, path: str) -> Reply | None:
        """Answer for one of `PATHS`, None for any other. Blocks as long as a collector or a check does."""
        if path == "/metrics":
            return self._metrics()
        if path == "/healthz":
            return _answer(_reason(self._alive))
        if path == "/readyz":
            return _answer(self.why_not_ready())
        return None

    def why_not_ready(self) -> str:
        """Return why it does not do its work, in one line; "" where it does. Blocks as long as a check does."""
        return _reason(lambda: self._alive() or self._ready())

    def _metrics(self) -> Reply:
        from prometheus_client.exposition import generate_latest  # noqa: PLC0415  when asked first

        try:
            return Reply(200, _EXPOSITION, generate_latest(self._made()))
        except Exception as error:  # noqa: BLE001  a figure that cannot be read must stop nothing but this answer
            return Reply(500, _TEXT, f"{safe_line(f'{type(error).__name__}: {error}')}\n".encode())

    def _made(self) -> "CollectorRegistry":
        from prometheus_client import CollectorRegistry, ProcessCollector  # noqa: PLC0415  the same

        with self._making:
            if self._registry is None:
                registry = CollectorRegistry()
                for one in self._collectors:
                    registry.register(one)
                if self._process:
                    ProcessCollector(registry=registry)
                self._registry = registry
            return self._registry


def _reason(check: Callable[[], str]) -> str:
    try:
        return safe_line(check())
    except Exception as error:  # noqa: BLE001  what cannot be asked is not well
        return safe_line(f"{type(error).__name__}: {error}")


def _answer(why: str) -> Reply:
    return Reply(503, _TEXT, f"{why}\n".encode()) if why else Reply(200, _TEXT, b"ok\n")


@contextmanager
def serving(address: Address | None, report: SelfReport) -> "Iterator[Serving | None]":
    """Serve until the block ends; nothing without an address."""
    if address is None:
        yield None
        return
    server = Serving(address, report)
    try:
        yield server
    finally:
        server.close()


class Serving:
    """A server in threads of its own. An address that is taken costs the process nothing: it is tried again."""

    def __init__(self, address: Address, report: SelfReport, *, try_again_s: float = _TRY_AGAIN_S) -> None:
        self._address = address
        self._self_report = report
        self._try_again_s = try_again_s
        self._ended = threading.Event()
        self._log = structlog.get_logger()
        self._server: _Server | None = None
        self._bind(say=True)
        threading.Thread(target=self._run, name="metrics", daemon=True).start()

    @property
    def port(self) -> int | None:
        """The port, None while the address is taken."""
        return None if self._server is None else int(self._server.server_address[1])

    def close(self) -> None:
        """End it; connections that are open end with the process."""
        self._ended.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def _bind(self, *, say: bool) -> None:
        try:
            self._server = _Server(self._address, self._self_report)
        except OSError as error:
            if say:
                self._log.warning(
                    "cannot serve metrics; retrying, everything else continues",
                    at=str(self._address),
                    reason=error.strerror or str(error),
                )
        else:
            self._log.info("serving metrics", at=str(self._address._replace(port=self.port or 0)))

    def _run(self) -> None:
        while self._server is None:
            if self._ended.wait(self._try_again_s):
                return
            self._bind(say=False)
        if self._ended.is_set():
            self._server.server_close()
            return
        self._server.serve_forever(poll_interval=0.1)


class _Server(ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = _CONNECTIONS_MOST

    def __init__(self, address: Address, report: SelfReport) -> None:
        self.address_family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        self.report = report
        self.on_loopback = is_loopback(address.host)
        self._held: dict[int, Any] = {}
        self._holding = threading.Lock()
        super().__init__((address.host, address.port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection; when there are too many, the oldest goes."""
        with self._holding:
            oldest = next(iter(self._held.values())) if len(self._held) >= _CONNECTIONS_MOST else None
            self._held[id(request)] = request
        if oldest is not None:
            with suppress(OSError):
                oldest.shutdown(socket.SHUT_RDWR)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Let go of a connection."""
        with self._holding:
            self._held.pop(id(request), None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that went away."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _CLIENT_WITHIN_S
    server_version = "gigawatt"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer."""
        # A page elsewhere whose name leads to this machine is not to read what loopback alone may.
        if self.server.on_loopback and (why := foreign(cast("Any", self.headers), links=True)):
            return self._send(Reply(403, _TEXT, f"Rejected: {why}.\n".encode()))
        path = self.path.partition("?")[0]
        there = Reply(404, _TEXT, f"Not found; paths are {', '.join(PATHS)}.\n".encode())
        return self._send(self.server.report.reply(path) or there)

    do_HEAD = do_GET  # noqa: N815  the library's name

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(reply.body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  the library's name
        """Log no requests: they come every few seconds."""
