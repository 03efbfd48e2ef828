"""One request and its answer: find the statement, run it in the engine's threads, send what comes out."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from aiohttp import web

from local.clickhouse import answers
from local.clickhouse.bodies import Body
from local.clickhouse.config import User
from local.clickhouse.connections import Session, session_of
from local.clickhouse.engine import Engine, Insertion, Result
from local.clickhouse.errors import ACCESS_DENIED, READONLY, SYNTAX_ERROR, EngineError, refusal
from local.clickhouse.grafana import hello_block, is_hello
from local.clickhouse.plans import Plan, deduplication_token, plan_of
from local.clickhouse.protocol import Request, Summary, format_headers
from local.clickhouse.sessions import Sessions
from local.clickhouse.statements import Insert, calls, insert_target

_T = TypeVar("_T")
# How often a slow query looks whether its client is still there.
_STILL_WANTED_EVERY_S = 0.5


@dataclass(frozen=True)
class Exchange:
    """A request with all that is needed to answer it; `headers` are the answer's so far."""

    engine: Engine
    threads: Executor
    sessions: Sessions
    http: web.BaseRequest
    request: Request
    user: User
    body: Body
    headers: dict[str, str]

    async def answer(self) -> web.StreamResponse:
        """Run the statement and answer. Raises EngineError as long as nothing was sent."""
        target, text, parts = await self._statement_and_data()
        if target is not None:
            return await self._insert(target, parts)
        if is_hello(self.request, text):
            hello = hello_block(self.headers["X-ClickHouse-Server-Display-Name"], self.engine.version)
            return await self._whole("Native", hello, Summary())
        return await self._run_plan(plan_of(text, self.request))

    async def _statement_and_data(self) -> tuple[Insert | None, bytes, list[bytes]]:
        """Give an insert and the first parts of its data, or None and the whole text of any other statement.

        A statement in the URL is joined with the body by a line end, as in ClickHouse. The URL or the first
        part of the body nearly always holds the whole statement; only when it does not are parts joined.
        """
        parts = await self.body.parts()
        glue = b"\n" if self.request.query else b""
        text = self.request.query or (parts.pop(0) if parts else b"")
        target = insert_target(text)
        if target is None and parts:
            text, parts = text + glue + b"".join(parts), []
            target = insert_target(text)
        if target is None:
            return None, b"".join((text, *await self.body.rest())), []
        data = text[target.data_start :]
        return target, b"", [data + glue, *parts] if data else parts

    def _session(self, request: Request) -> Session:
        kept: tuple[bytes, ...] = ()
        if request.session_id:
            kept = self.sessions.statements(self.user.name, request.session_id, request.session_timeout_s)
        return session_of(request, self.user, self.engine.setting_names, kept)

    async def _insert(self, target: Insert, parts: list[bytes]) -> web.StreamResponse:
        token, settings = deduplication_token(self.request)
        session = self._session(replace(self.request, settings=settings))
        if session.read_only:
            raise self._read_only_refusal()
        start = partial(self.engine.insert, session, target, self.request.params, token)
        if self.body.ended:
            summary = await self._run(_insert_whole, start, parts)
        else:
            insertion = await self._run(start)
            try:
                await self._run(insertion.append, parts)
                while not self.body.ended:
                    await self._run(insertion.append, await self.body.parts())
                summary = await self._run(insertion.finish)
            finally:
                await self._run(insertion.cancel)
        return await self._whole(None, b"", summary)

    async def _run_plan(self, plan: Plan) -> web.StreamResponse:
        session = self._session(self.request)
        await self._check(session, plan)
        sql = plan.sql
        run: Callable[..., Awaitable[Any]] = self._run
        if plan.query:
            # By this mark the engine finds the query again; at the end, it moves no position in an error.
            mark = f"-- {uuid.uuid4()}"
            sql += f"\n{mark}".encode()
            run = partial(self._run_while_wanted, mark)
        if plan.stream:
            start = partial(self.engine.stream, session, sql, plan.fmt, self.request.params)
            headers = self.headers | format_headers(plan.fmt)
            return await answers.streamed(self.http, self.request, headers, start=start, in_thread=run)
        query = partial(self.engine.query, session, sql, plan.fmt, self.request.params, keep=plan.plain)
        result: Result = await run(query)
        if plan.session_part and self.request.session_id:
            self.sessions.add(self.user.name, self.request.session_id, self.request.session_timeout_s, plan.sql)
        fmt = plan.fmt if plan.has_result or result.body else None
        return await self._whole(fmt, result.body, result.summary)

    async def _check(self, session: Session, plan: Plan) -> None:
        if not plan.several and (plan.session_part or not session.read_only):
            return
        kind, count = await self._run(self.engine.classify, session, plan.sql)
        if count > 1:
            raise refusal(SYNTAX_ERROR, "SYNTAX_ERROR", "Syntax error (Multi-statements are not allowed)")
        if session.read_only and kind not in {"READ_ONLY", "UNKNOWN"}:
            raise self._read_only_refusal()
        if self.user.read_only and (outward := calls(plan.sql) & self.engine.outward_functions):
            text = f"{self.user.name}: Not enough privileges to call {', '.join(sorted(outward))}."
            raise refusal(ACCESS_DENIED, "ACCESS_DENIED", text)

    def _read_only_refusal(self) -> EngineError:
        return refusal(READONLY, "READONLY", f"{self.user.name}: Cannot execute query in readonly mode.")

    async def _whole(self, fmt: str | None, body: memoryview | bytes, summary: Summary) -> web.StreamResponse:
        headers = self.headers | format_headers(fmt)
        coding = answers.coding_for(self.request, len(body))
        if coding:
            headers["Content-Encoding"] = coding
            body = await self._run(answers.packed, body, coding)
        return await answers.whole(self.http, headers, body, summary)

    async def _run(self, function: Callable[..., _T], *arguments: object) -> _T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.threads, function, *arguments)

    async def _run_while_wanted(self, mark: str, function: Callable[..., _T], *arguments: object) -> _T:
        job = asyncio.ensure_future(self._run(function, *arguments))
        while not (await asyncio.wait({job}, timeout=_STILL_WANTED_EVERY_S))[0]:
            if self.http.transport is None or self.http.transport.is_closing():
                await asyncio.to_thread(self.engine.cancel, mark)
        return job.result()


def _insert_whole(start: Callable[[], Insertion], parts: list[bytes]) -> Summary:
    insertion = start()
    try:
        insertion.append(parts)
        return insertion.finish()
    finally:
        insertion.cancel()
