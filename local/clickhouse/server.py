"""The HTTP handler: who asks, what for, and an answer even to what cannot be served."""

import asyncio
import hmac
import os
import time
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from email.message import Message

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from local.clickhouse import answers, protocol
from local.clickhouse.bodies import FORM_BYTES, Body, form_fields
from local.clickhouse.config import OWNER, READER, User
from local.clickhouse.engine import Engine
from local.clickhouse.errors import (
    AUTHENTICATION_FAILED,
    NOT_IMPLEMENTED,
    TIMEOUT_EXCEEDED,
    EngineError,
    refusal,
)
from local.clickhouse.exchange import Exchange
from local.clickhouse.lanes import Lane
from local.clickhouse.metrics import FrontMetrics
from local.clickhouse.needs import Needs
from local.clickhouse.protocol import Request
from local.clickhouse.sessions import Sessions
from schema.loopback import foreign
from schema.served import PATHS, SelfReport
from schema.served_tls import Served
from schema.tally import CLIENT_WENT_AWAY, Requests

# Whoever goes on with what is refused, or with a body that does not end, costs the event loop no more than this allows.
_REFUSED_AFTER_S, _CUT_OFF_AFTER_S = 0.02, 2.0
_INSERTS_AT_ONCE = 8
_LONG_INSERTS_AT_ONCE = max(2, (os.cpu_count() or 1) // 2)


class Front:
    """Answers HTTP requests with an engine. Each user has a lane of their own, and what is stored has two.

    An insert that is here as a whole never waits behind one of which more is to come. Other machines call it by the
    names of the certificate that is `served`, or by one of `addresses`.
    """

    def __init__(
        self,
        engine: Engine,
        users: tuple[User, ...],
        *,
        name: str,
        served: Served | None = None,
        addresses: frozenset[str] = frozenset(),
    ) -> None:
        self._engine = engine
        self._served = served
        self._addresses = addresses
        self._users = {user.name: user for user in users}
        self._name = name
        self._sessions = Sessions()
        self._needs = Needs()
        self.storing: set[web.RequestHandler] = set()
        """Connections on which the owner's requests run: they are the last to be given up when there are too many."""
        self._reading = ThreadPoolExecutor(4, thread_name_prefix="engine-reading")
        self._inserts = Lane("inserts", at_once=_INSERTS_AT_ONCE, waiting=256, patience_s=60.0)
        self._long_inserts = Lane("long inserts", at_once=_LONG_INSERTS_AT_ONCE, waiting=16, patience_s=60.0)
        self._lanes = {
            user.name: Lane(user.name, at_once=user.at_once, waiting=user.waiting, patience_s=user.patience_s)
            for user in users
        }
        self._large = {
            user.name: Lane(
                f"large queries of {user.name}", at_once=1, waiting=user.waiting, patience_s=user.patience_s
            )
            for user in users
            if user.modest is not None
        }
        self._requests = Requests()
        self._self_report = SelfReport(
            [FrontMetrics(self._requests, self._every_lane, engine.resident, time.time())],
            ready=self._unanswered,
            process=False,
        )
        self._telling = asyncio.Lock()

    async def handle(self, http: web.BaseRequest) -> web.StreamResponse:
        """Answer one HTTP request, and count it."""
        began_s, status = time.perf_counter(), CLIENT_WENT_AWAY
        try:
            response = await self._handle(http)
            status = response.status
        finally:
            self._requests.add(status, time.perf_counter() - began_s)
        return response

    async def _told(self, http: web.BaseRequest) -> web.Response:
        """Say how the front is. One answer at a time: whoever may ask without a password costs one thread."""
        async with self._telling:
            in_thread = asyncio.get_running_loop().run_in_executor
            reply = await in_thread(self._reading, self._self_report.reply, http.path)
        if reply is None:
            return web.Response(status=404)
        return web.Response(status=reply.status, body=reply.body, headers={"Content-Type": reply.content_type})

    async def _handle(self, http: web.BaseRequest) -> web.StreamResponse:
        if response := _without_the_engine(http, self._own_names):
            return response
        if http.path in PATHS and self._served is None:
            return await self._told(http)
        headers: dict[str, str] = {}
        body = user = None
        connection = http.protocol
        try:
            request = protocol.parse_request(http.method, http.query.items(), http.headers)
            headers = protocol.answer_headers(request, server_name=self._name)
            user = self._authenticated(request)
            if http.path in PATHS:  # beyond this machine, for those who have a password
                return await self._told(http)
            if user.is_ours:
                self.storing.add(connection)
            body = Body(http.content, request.content_encoding, self._reading)
            if http.content_type == "multipart/form-data":
                form = await body.whole(FORM_BYTES, "form")
                request = protocol.with_form(request, form_fields(form, _boundary(http)))
            return await self._exchange(http, request, user, body, headers).answer()
        except (EngineError, TimeoutError, ValueError, HttpProcessingError) as error:
            return await self._refused(http, headers, _told(error), body, user)
        except ConnectionError:
            return web.Response(status=CLIENT_WENT_AWAY)  # which nobody reads
        finally:
            self.storing.discard(connection)

    @property
    def _own_names(self) -> frozenset[str]:
        """What other machines call it: by no other name does a page reach it."""
        return self._served.names | self._addresses if self._served else frozenset()

    def close(self) -> None:
        """Wait for the threads; what still runs should have been cancelled."""
        for lane in self._every_lane():
            lane.close()
        self._reading.shutdown(wait=True)

    def _every_lane(self) -> list[Lane]:
        return [*self._lanes.values(), *self._large.values(), self._inserts, self._long_inserts]

    def _unanswered(self) -> str:
        """Say why the engine does not answer; "" where it does."""
        try:
            self._engine.alive()
        except EngineError as error:
            return f"the engine does not answer: {error}"
        return ""

    def _exchange(
        self, http: web.BaseRequest, request: Request, user: User, body: Body, headers: dict[str, str]
    ) -> Exchange:
        return Exchange(
            engine=self._engine,
            reading=self._reading,
            inserts=self._inserts,
            long_inserts=self._long_inserts,
            lane=self._lanes[user.name],
            large=self._large.get(user.name, self._lanes[user.name]),
            needs=self._needs,
            sessions=self._sessions,
            http=http,
            request=request,
            user=user,
            body=body,
            headers=headers,
        )

    async def _refused(
        self, http: web.BaseRequest, headers: dict[str, str], error: EngineError, body: Body | None, user: User | None
    ) -> web.Response:
        body = body or Body(http.content, "", self._reading)
        response = answers.refused(headers, error, self._engine.version)
        of_owner = user is not None and user.is_ours
        whole = await body.drain(of_owner=of_owner)
        if not whole:
            response.force_close()
            await asyncio.sleep(_CUT_OFF_AFTER_S)
        elif not of_owner:
            await asyncio.sleep(_REFUSED_AFTER_S)
        return response

    def _authenticated(self, request: Request) -> User:
        """Return who asks: without a name and a password the reader, who needs none where the kernel confines us."""
        user = self._users.get(request.user or READER)
        password = user.password if user else ""
        if user is None or (password and not hmac.compare_digest(password.encode(), request.password.encode())):
            hint = f" Reading needs no password: use the user {READER}." if not self._users[READER].password else ""
            text = (
                f"{request.user or READER}: Authentication failed: password is incorrect, or there is no such user. "
                f"The password of {OWNER} is in the file `password` of the data directory.{hint}"
            )
            raise refusal(AUTHENTICATION_FAILED, "AUTHENTICATION_FAILED", text)
        return user


def _boundary(http: web.BaseRequest) -> str:
    head = Message()
    head["Content-Type"] = http.headers["Content-Type"]
    return head.get_boundary("")


def _without_the_engine(http: web.BaseRequest, names: Collection[str]) -> web.Response | None:
    """Answer what needs no engine: other people's pages, questions of health, and paths that there are not."""
    # Any page could else have a browser on this machine read from the engine and write to it.
    if why := foreign(http.headers, names=names) or ("Origin" in http.headers and "the request comes from a web page"):
        return web.Response(status=403, text=f"Rejected: {why}.\n")
    bare = http.path == "/" and http.method in {"GET", "HEAD"} and not http.query_string
    if bare or http.path in {"/ping", "/replicas_status"}:
        return web.Response(text="Ok.\n")
    if http.path in PATHS and http.method in {"GET", "HEAD"}:
        return None
    if http.path != "/" or http.method not in {"GET", "POST"}:
        return web.Response(status=404, text=f"There is no handle {http.method} {http.path[:200]}\n")
    return None


def _told(error: Exception) -> EngineError:
    """Word any error of a request as the engine words its own."""
    if isinstance(error, EngineError):
        return error
    if isinstance(error, TimeoutError):
        text = "The answer took too long; request less, or read it faster."
        return refusal(TIMEOUT_EXCEEDED, "TIMEOUT_EXCEEDED", text)
    text = f"The request cannot be read: {error}"[:300]  # such as a form that is none
    return refusal(NOT_IMPLEMENTED, "NOT_IMPLEMENTED", text)
