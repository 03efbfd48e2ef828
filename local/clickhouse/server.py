"""The HTTP handler: who asks, what for, and an answer even to what cannot be served."""

import contextlib
import hmac
from concurrent.futures import ThreadPoolExecutor

from aiohttp import web

from local.clickhouse import answers, protocol
from local.clickhouse.bodies import Body, form_fields
from local.clickhouse.config import User
from local.clickhouse.engine import Engine
from local.clickhouse.errors import AUTHENTICATION_FAILED, EngineError, refusal
from local.clickhouse.exchange import Exchange
from local.clickhouse.protocol import Request
from local.clickhouse.sessions import Sessions

_CLIENT_WENT_AWAY = 499


class Front:
    """Answers HTTP requests with an engine. `threads` bounds the statements that run at the same time."""

    def __init__(self, engine: Engine, users: tuple[User, ...], *, name: str, threads: int = 32) -> None:
        self._engine = engine
        self._users = {user.name: user for user in users}
        self._name = name
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="engine")
        self._sessions = Sessions()

    async def handle(self, http: web.BaseRequest) -> web.StreamResponse:
        """Answer one HTTP request."""
        if "Origin" in http.headers:
            # A page from anywhere could else make a browser on this machine write to the engine.
            return web.Response(status=403, text="Requests from web pages are not served.\n")
        bare = http.path == "/" and http.method in {"GET", "HEAD"} and not http.query_string
        if bare or http.path in {"/ping", "/replicas_status"}:
            return web.Response(text="Ok.\n")
        if http.path != "/" or http.method not in {"GET", "POST"}:
            return web.Response(status=404, text=f"There is no handle {http.method} {http.path}\n")
        headers: dict[str, str] = {}
        body = Body(http.content, http.headers.get("Content-Encoding", "").lower(), self._threads)
        try:
            request = protocol.parse_request(http.method, http.query.items(), http.headers)
            headers = protocol.answer_headers(request, server_name=self._name)
            user = self._authenticated(request)
            if http.content_type == "multipart/form-data":
                request = protocol.with_form(request, await form_fields(await http.multipart()))
                body.ended = True
            exchange = Exchange(
                engine=self._engine,
                threads=self._threads,
                sessions=self._sessions,
                http=http,
                request=request,
                user=user,
                body=body,
                headers=headers,
            )
            return await exchange.answer()
        except EngineError as error:
            with contextlib.suppress(ConnectionError):
                await body.drain()
            return answers.refused(headers, error, self._engine.version)
        except ConnectionError:
            return web.Response(status=_CLIENT_WENT_AWAY)  # which nobody reads

    def close(self) -> None:
        """Wait for the threads; what still runs should have been cancelled."""
        self._threads.shutdown(wait=True)

    def _authenticated(self, request: Request) -> User:
        user = self._users.get(request.user)
        password = user.password if user else ""
        if user is None or (password and not hmac.compare_digest(password.encode(), request.password.encode())):
            text = f"{request.user}: Authentication failed: password is incorrect, or there is no such user."
            raise refusal(AUTHENTICATION_FAILED, "AUTHENTICATION_FAILED", text)
        return user
