"""The live page on loopback: the summary as a table that looks again each second. It can only read."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Final

from aiohttp import web

from dashboards.live.summary import Summary
from schema.errors import GigawattError

_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
        "img-src data:; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
}


@asynccontextmanager
async def serving(read: Callable[[], Summary], host: str, port: int) -> AsyncIterator[None]:
    """Serve the page until the block ends. `read` is called in a thread, for each request."""
    html = files(__package__).joinpath("page.html").read_text("utf-8")

    async def page(_: web.Request) -> web.Response:
        return web.Response(text=html, content_type="text/html", headers=_HEADERS)

    async def summary(_: web.Request) -> web.Response:
        try:
            now = await asyncio.to_thread(read)
        except GigawattError as error:
            return web.json_response({"error": str(error)}, status=503, headers=_HEADERS)
        return web.json_response(now.as_json(), headers=_HEADERS)

    async def healthz(_: web.Request) -> web.Response:
        try:
            await asyncio.to_thread(read)
        except GigawattError as error:
            return web.Response(text=f"{error}\n", status=503)
        return web.Response(text="ok\n")

    app = web.Application()
    app.add_routes([web.get("/", page), web.get("/summary.json", summary), web.get("/healthz", healthz)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield
    finally:
        await runner.cleanup()
