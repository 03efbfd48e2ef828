"""The page's HTTP server. It can only read: names and values come in, checked-in SQL goes on.

It is on loopback, and may be on another address besides, over TLS: then everybody needs a password.
"""

import asyncio
import base64
import hmac
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, cast

from aiohttp import web
from aiohttp.typedefs import Middleware

from dashboards.live.summary import Summary
from dashboards.metrics.figures import Figures
from dashboards.metrics.page import PageMetrics
from dashboards.page import assets, boards, queries
from dashboards.page.store import BusyError, Store, framed
from dashboards.preview import Alert, worst_as_json
from schema.crowd import bounded
from schema.errors import GigawattError
from schema.loopback import foreign
from schema.served import PATHS
from schema.served_tls import Served
from schema.tally import CLIENT_WENT_AWAY, Requests

_MOST_BODY_BYTES: Final = 1 << 20
_CONNECTIONS_MOST: Final = 256
_HEADERS: Final = {
    # Charts set styles on what they draw; scripts are files of this server alone.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; "
        "img-src 'self' data: blob:; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_ALWAYS_ASK: Final = {"Cache-Control": "no-cache"}
_NEVER_KEEP: Final = {"Cache-Control": "no-store"}

_LOG_IN: Final = {"WWW-Authenticate": 'Basic realm="Gigawatt", charset="UTF-8"', **_NEVER_KEEP}
_HANDSHAKE_S: Final = 5.0

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Alerts = Callable[[], tuple[Sequence[Alert], float] | None]
"""Gives the newest evaluation of the rules and its age in seconds, None before the first, and does not wait."""


@dataclass(frozen=True)
class Outside:
    """How other machines reach the page: on which address, what certificate they see, and how they log in."""

    address: str
    served: Served
    user: str
    password: str = field(repr=False)

    def lets_in(self, authorization: str) -> bool:
        """Say whether a request's header is this user's login (HTTP Basic)."""
        scheme, _, told = authorization.partition(" ")
        right = base64.b64encode(f"{self.user}:{self.password}".encode())
        return scheme.lower() == "basic" and hmac.compare_digest(told.encode("utf-8", "surrogateescape"), right)


class Page:
    """What the server answers. `read` may block and is called in threads."""

    def __init__(
        self,
        store: Store,
        read: Callable[[], Summary],
        *,
        found: Mapping[str, boards.Board],
        alerts: Alerts | None,
        outside: Outside | None = None,
        figures: Figures,
    ) -> None:
        self._store = store
        self._read = read
        self._requests = Requests()
        self._self_report = figures.self_report(PageMetrics(self._requests, lambda: store.busy))
        self._telling = asyncio.Lock()
        self._boards = found
        self._alerts = alerts
        self._outside = outside
        self._static = assets.static_files()
        self._charts = assets.chart_library()
        self._packed: asyncio.Future[bytes] | None = None

    def app(self) -> web.Application:
        """Return the application."""
        guards = [self._counted, _only_for_us(self._outside)]
        app = web.Application(middlewares=guards, client_max_size=_MOST_BODY_BYTES)
        app.add_routes(
            [
                web.get("/", self._shell),
                web.get("/d/{uid}", self._shell),
                web.get("/d/{uid}/{slug}", self._shell),  # as Grafana writes addresses
                web.get("/static/{path:.+}", self._file),
                web.get("/plotly.min.js", self._chart_library),
                web.get("/api/boards", self._list),
                web.get("/api/boards/{uid}", self._board),
                web.post("/api/query", self._query),
                web.get("/api/alerts", self._alerts_now),
                web.get("/summary.json", self._summary),
                *(web.get(path, self._told) for path in PATHS),
            ]
        )
        return app

    @web.middleware
    async def _counted(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        began_s, status = time.perf_counter(), CLIENT_WENT_AWAY
        try:
            response = await handler(request)
            status = response.status
        except web.HTTPException as error:
            status = error.status
            raise
        finally:
            self._requests.add(status, time.perf_counter() - began_s)
        return response

    async def _shell(self, request: web.Request) -> web.Response:
        return self._sent(request, self._static["index.html"])

    async def _file(self, request: web.Request) -> web.Response:
        asset = self._static.get(request.match_info["path"])
        if asset is None:
            raise web.HTTPNotFound(text="File not found.\n")
        return self._sent(request, asset)

    def _sent(self, request: web.Request, asset: assets.Asset) -> web.Response:
        headers = {"ETag": asset.tag, **_ALWAYS_ASK}
        if request.headers.get("If-None-Match") == asset.tag:
            return web.Response(status=304, headers=headers)
        return web.Response(body=asset.body, content_type=asset.content_type, charset="utf-8", headers=headers)

    async def _chart_library(self, request: web.Request) -> web.Response:
        """Send it as it is to the first who asks, and packed later on: to pack it takes some tenths of a second."""
        response = self._sent(request, self._charts)
        response.headers["Vary"] = "Accept-Encoding"
        if self._packed is None:
            self._packed = asyncio.ensure_future(asyncio.to_thread(self._charts.packed))
        elif self._packed.done() and response.status == 200 and "gzip" in request.headers.get("Accept-Encoding", ""):  # noqa: PLR2004  OK
            response.body = self._packed.result()
            response.headers["Content-Encoding"] = "gzip"
        return response

    async def _list(self, _: web.Request) -> web.Response:
        return _json([board.as_entry() for board in self._boards.values()])

    async def _board(self, request: web.Request) -> web.Response:
        board = self._boards.get(request.match_info["uid"])
        if board is None:
            return _json({"error": f"unknown dashboard {request.match_info['uid']!r}"}, status=404)
        return _json(board.model)

    async def _query(self, request: web.Request) -> web.Response:
        if request.content_type != "application/json":  # which no form of another site can send
            return _json({"error": "a request must be application/json"}, status=415)
        if "Content-Encoding" in request.headers:  # as no browser sends it
            return _json({"error": "a request must not be compressed"}, status=415)
        try:
            ask = queries.parse(json.loads(await request.read()), self._boards)
            prepared = ask.prepared()
            answers = await asyncio.gather(*(self._store.run(one) for one in prepared))
        except (queries.AskError, ValueError, RecursionError) as error:
            return _json({"error": str(error)}, status=400)
        except (GigawattError, BusyError) as error:
            return _json({"error": str(error)}, status=503)
        body = framed(ask.view.interval_ms, prepared, answers)
        return web.Response(body=body, content_type="application/json", headers=_NEVER_KEEP)

    async def _alerts_now(self, _: web.Request) -> web.Response:
        """Answer with the newest evaluation that is done: one that waits for the store may take minutes."""
        if self._alerts is None:
            return _json({"alerts": None})
        alerts, age_s = self._alerts() or ((), None)
        return _json(worst_as_json(alerts) | {"age_s": None if age_s is None else round(age_s, 1)})

    async def _summary(self, _: web.Request) -> web.Response:
        try:
            now = await asyncio.to_thread(self._read)
        except GigawattError as error:
            return _json({"error": str(error)}, status=503)
        return _json(now.as_json())

    async def _told(self, request: web.Request) -> web.Response:
        """Say how the page is. One answer at a time: while the store hangs, no more than one thread waits for it."""
        async with self._telling:
            reply = await asyncio.to_thread(self._self_report.reply, request.path)
        if reply is None:
            raise web.HTTPNotFound
        headers = {"Content-Type": reply.content_type, **_NEVER_KEEP}
        return web.Response(status=reply.status, body=reply.body, headers=headers)


def _json(value: Any, *, status: int = 200) -> web.Response:
    return web.json_response(value, status=status, headers=_NEVER_KEEP)


def _only_for_us(outside: Outside | None) -> Middleware:
    """Answer requests that name this machine; a name of somewhere else that resolves to it would be another's page."""

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        names = outside.served.names | {outside.address.lower()} if outside else ()
        if why := foreign(request.headers, links=request.method == "GET", names=names):
            text = f"This page is served to this machine only: {why}.\n"
            return web.Response(status=403, text=text, headers=_HEADERS)
        if outside is not None and not outside.lets_in(request.headers.get("Authorization", "")):
            text = f"Log in as {outside.user}, with the ClickHouse password of that user.\n"
            return web.Response(status=401, text=text, headers=_HEADERS | _LOG_IN)
        try:
            response = await handler(request)
        except web.HTTPException as error:
            error.headers.update(_HEADERS)
            raise
        response.headers.update(_HEADERS)
        return response

    return guarded


@asynccontextmanager
async def serving(
    read: Callable[[], Summary],
    clickhouse: str,
    host: str,
    port: int,
    *,
    found: Mapping[str, boards.Board] | None = None,
    alerts: Alerts | None = None,
    figures: Figures | None = None,
    outside: Outside | None = None,
) -> AsyncIterator[int]:
    """Serve the page until the block ends, and give its port. `clickhouse` is a URL with a user who may only read.

    `found` are the dashboards, by default those that are checked in; `alerts` tells which rules would fire. `figures`
    are shown at `/metrics`, by default those of the summary alone. With `outside`, it is on the same port of that
    address, too.
    """
    store = Store(clickhouse)
    page = Page(
        store,
        read,
        found=boards.load() if found is None else found,
        alerts=alerts,
        figures=figures or Figures(read),
        outside=outside,
    )
    # A client that goes away takes its query with it.
    runner = web.AppRunner(
        page.app(), access_log=None, shutdown_timeout=1.0, handler_cancellation=True, auto_decompress=False
    )
    await runner.setup()
    accepting: list[asyncio.Server] = []
    try:
        factory = bounded(cast("web.Server", runner.server), _CONNECTIONS_MOST)  # it is there since the setup
        loop = asyncio.get_running_loop()
        accepting.append(await loop.create_server(factory, host, port))
        own_port: int = accepting[0].sockets[0].getsockname()[1]
        if outside is not None:
            served = outside.served.context
            accepting.append(
                await loop.create_server(
                    factory, outside.address, own_port, ssl=served, ssl_handshake_timeout=_HANDSHAKE_S
                )
            )
        yield own_port
    finally:
        for one in accepting:
            one.close()
        await runner.cleanup()
        await store.close()
