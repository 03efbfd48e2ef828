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
from local.clickhouse.errors import (
    ACCESS_DENIED,
    MEMORY_LIMIT_EXCEEDED,
    SETTING_CONSTRAINT_VIOLATION,
    SYNTAX_ERROR,
    TOO_MANY_ROWS_OR_BYTES,
    EngineError,
    refusal,
)
from local.clickhouse.grafana import hello_block, is_hello
from local.clickhouse.lanes import Lane
from local.clickhouse.needs import Needs
from local.clickhouse.plans import Plan, deduplication_token, plan_of
from local.clickhouse.protocol import Request, Summary, format_headers
from local.clickhouse.sessions import Sessions
from local.clickhouse.statements import INSERT_HEAD_BYTES, Insert, bounded, insert_target
from local.clickhouse.texts import check_texts

_T = TypeVar("_T")
_NEEDS_MORE = frozenset({MEMORY_LIMIT_EXCEEDED, SETTING_CONSTRAINT_VIOLATION})
# How often a slow query looks whether its client is still there.
_STILL_WANTED_EVERY_S = 0.5
# How often is looked at what a result takes that is held as a whole, and by how much the process may grow meanwhile.
_WHOLE_EVERY_S, _WHOLE_BYTES = 0.1, 200_000_000
_TOO_LARGE = (
    "The result is too large for the format {}, which is built in memory: request less, or use a streamed format "
    "(Native, RowBinary, JSONEachRow, CSV, TSV)."
)
# An insert that has no more than this is here as a whole before it waits for its turn.
_FIRST_BYTES = 1 << 20
# So long the next 4 MiB of an insert may take.
_MORE_WITHIN_S = 60.0


@dataclass(frozen=True)
class Exchange:
    """A request with all that is needed to answer it; `headers` are the answer's so far.

    `reading` are threads that look at bodies, `inserts` the lane of what is stored and here as a whole, `long_inserts`
    that of which more is to come. `lane` is that of the user, `large` that of statements with all the memory that the
    user may have, and `needs` knows which need it.
    """

    engine: Engine
    reading: Executor
    inserts: Lane
    long_inserts: Lane
    lane: Lane
    large: Lane
    needs: Needs
    sessions: Sessions
    http: web.BaseRequest
    request: Request
    user: User
    body: Body
    headers: dict[str, str]

    @property
    def _read_only(self) -> bool:
        return self.user.read_only or self.request.read_only

    async def answer(self) -> web.StreamResponse:
        """Run the statement and answer. Raises EngineError as long as nothing was sent."""
        if self.request.read_only or not self.user.is_ours:
            text = await self._statement([self.request.query] if self.request.query else [])
        else:
            text, target, parts = await self._statement_and_data()
            if target is not None:
                if self.user.read_only:
                    await self._run(self.lane, self._check_target, target)
                lane = self.inserts if self.body.ended else self.long_inserts
                async with lane.turn():
                    return await self._insert(target, parts, lane)
        if is_hello(self.request, text):
            hello = hello_block(self.headers["X-ClickHouse-Server-Display-Name"], self.engine.version)
            return await answers.whole(self.http, self.headers | format_headers("Native"), hello, Summary())
        modest = self.user.modest
        if modest is not None and text not in self.needs:
            try:
                return await replace(self, user=modest).in_turn(text)
            except EngineError as error:
                if error.code not in _NEEDS_MORE:
                    raise
                self.needs.add(text)
        return await replace(self, lane=self.large).in_turn(text)

    async def in_turn(self, text: bytes) -> web.StreamResponse:
        """Run a statement and answer, after what came before it in the lane."""
        async with self.lane.turn(), asyncio.timeout(self.user.answer_within_s):
            return await self._run_statement(text)

    async def _statement(self, parts: list[bytes]) -> bytes:
        """Give a whole statement, within its bounds. A part in the URL is joined with the body by a line end."""
        text = b"".join(parts)
        rest = await self.body.whole(self.user.statement_bytes)
        glue = b"\n" if text and text == self.request.query and rest else b""
        return bounded(text + glue + rest, self.user.statement_bytes)

    async def _statement_and_data(self) -> tuple[bytes, Insert | None, list[bytes]]:
        """Give an insert and the first parts of its data, or the whole text of any other statement.

        The URL or the first part of the body nearly always holds the whole statement; only when it does not are
        parts joined.
        """
        parts = await self.body.parts(_FIRST_BYTES)
        text = self.request.query or (parts.pop(0) if parts else b"")
        glue = b"\n" if self.request.query else b""
        target = await self._looked_at(text)
        while target is None and (parts or not self.body.ended) and len(text) < INSERT_HEAD_BYTES:
            text += glue + b"".join(parts or await self.body.parts(_FIRST_BYTES))
            glue, parts = b"", []
            target = await self._looked_at(text)
        if target is None:
            return await self._statement([text, glue, *parts]), None, []
        data = text[target.data_start :]
        return b"", target, [data + glue, *parts] if data else parts

    async def _looked_at(self, text: bytes) -> Insert | None:
        look = partial(insert_target, text, whole=self.body.ended)
        return await asyncio.get_running_loop().run_in_executor(self.reading, look)

    def _session(self, request: Request, user: User | None = None) -> Session:
        kept: tuple[bytes, ...] = ()
        if request.session_id:
            kept = self.sessions.statements(self.user.name, request.session_id, request.session_timeout_s)
        return session_of(request, user or self.user, self.engine.setting_names, kept)

    async def _insert(self, target: Insert, parts: list[bytes], lane: Lane) -> web.StreamResponse:
        token, settings = deduplication_token(self.request)
        session = self._session(replace(self.request, settings=settings), self.user.storing)
        run = partial(self._run, lane)
        start = partial(self.engine.insert, session, target, self.request.params, token)
        if self.body.ended:
            summary = await run(_insert_whole, start, parts)
        else:
            insertion = await run(start)
            try:
                await run(insertion.append, parts)
                while not self.body.ended:
                    await run(insertion.append, await self._more())
                summary = await run(insertion.finish)
            finally:
                await run(insertion.cancel)
        return await answers.whole(self.http, self.headers | format_headers(None), b"", summary)

    async def _more(self) -> list[bytes]:
        """Read on, as long as the client is there: a packed body may be here as a whole and last for minutes."""
        if self.http.transport is None or self.http.transport.is_closing():
            raise ConnectionError("the client went away")
        async with asyncio.timeout(_MORE_WITHIN_S):
            return await self.body.parts()

    async def _run_statement(self, text: bytes) -> web.StreamResponse:
        if not text.strip(b" \t\r\n;"):
            raise refusal(SYNTAX_ERROR, "SYNTAX_ERROR", "Syntax error: Empty query.")
        plan = await self._run(self.lane, self._planned, text)
        asking = self.user if plan.stream or not plan.has_result else self.user.whole
        session = self._session(self.request, asking)
        sql = plan.sql
        run: Callable[..., Awaitable[Any]] = partial(self._run, self.lane)
        if plan.query:
            # By this mark the engine finds the query again; at the end, it moves no position in an error.
            mark = f"-- {uuid.uuid4()}"
            sql += f"\n{mark}".encode()
            most_bytes = _WHOLE_BYTES if asking is not self.user else None
            run = partial(self._run_while_wanted, mark, most_bytes)
        if plan.stream:
            start = partial(self.engine.stream, session, sql, plan.fmt, self.request.params)
            headers = self.headers | format_headers(plan.fmt)
            return await answers.streamed(self.http, self.request, headers, start=start, in_thread=run)
        return await self._whole(plan, session, sql, run)

    def _check_target(self, target: Insert) -> None:
        """Raise EngineError for a table that the user may not insert into, and for data that is computed."""
        table = self.engine.form(target.head + b"\nFORMAT Native").stores_into
        table = f"{self.request.database}{table}" if table.startswith(".") else table
        if table not in self.user.stores:
            right = f"the grant INSERT ON {table or 'functions'}"
            text = f"{self.user.name}: Not enough privileges. To execute this query, it's necessary to have {right}."
            raise refusal(ACCESS_DENIED, "ACCESS_DENIED", text)
        if target.input_format == "Values":
            raise refusal(
                ACCESS_DENIED, "ACCESS_DENIED", f"{self.user.name}: VALUES can contain SQL and is not allowed."
            )

    def _planned(self, text: bytes) -> Plan:
        form = self.engine.form(text)
        closed = self.engine.closed_functions, self.engine.closed_names
        plan = plan_of(form, self.request, self.user, read_only=self._read_only, closed=closed)
        check_texts(form, self.engine.form_around)
        return plan

    async def _whole(
        self, plan: Plan, session: Session, sql: bytes, run: Callable[..., Awaitable[Any]]
    ) -> web.StreamResponse:
        query = partial(
            self.engine.query, session, sql, plan.fmt, self.request.params, keep=plan.plain, is_query=plan.query
        )
        try:
            result: Result = await run(query)
        except EngineError as error:
            if error.code != TOO_MANY_ROWS_OR_BYTES:
                raise
            raise refusal(TOO_MANY_ROWS_OR_BYTES, "TOO_MANY_ROWS_OR_BYTES", _TOO_LARGE.format(plan.fmt)) from None
        if plan.session_part and self.request.session_id:
            self.sessions.add(self.user.name, self.request.session_id, self.request.session_timeout_s, plan.sql)
        body = result.body
        headers = self.headers | format_headers(plan.fmt if plan.has_result or body else None)
        coding = answers.coding_for(self.request, len(body))
        if coding:
            headers["Content-Encoding"] = coding
            body = await self._run(self.lane, answers.packed, body, coding)
        return await answers.whole(self.http, headers, body, result.summary)

    async def _run(self, lane: Lane, function: Callable[..., _T], *arguments: object) -> _T:
        return await asyncio.get_running_loop().run_in_executor(lane.threads, function, *arguments)

    async def _run_while_wanted(
        self, mark: str, most_bytes: int | None, function: Callable[..., _T], *arguments: object
    ) -> _T:
        job = asyncio.ensure_future(self._run(self.lane, function, *arguments))
        before, every_s, too_large = self.engine.resident(), _STILL_WANTED_EVERY_S, False
        if most_bytes is not None:
            every_s = _WHOLE_EVERY_S
        try:
            while not (await asyncio.wait({job}, timeout=every_s))[0]:
                too_large = too_large or (most_bytes is not None and self.engine.resident() - before > most_bytes)
                if too_large or self.http.transport is None or self.http.transport.is_closing():
                    await asyncio.to_thread(self.engine.cancel, mark)
            if too_large and job.exception() is not None:
                raise refusal(TOO_MANY_ROWS_OR_BYTES, "TOO_MANY_ROWS_OR_BYTES", "The result is too large.")
        except asyncio.CancelledError:
            # The turn ends with the query, so that no turn is given away whose thread still works.
            while not job.done():
                await asyncio.to_thread(self.engine.cancel, mark)
                await asyncio.wait({job}, timeout=_STILL_WANTED_EVERY_S)
            raise
        return job.result()


def _insert_whole(start: Callable[[], Insertion], parts: list[bytes]) -> Summary:
    insertion = start()
    try:
        insertion.append(parts)
        return insertion.finish()
    finally:
        insertion.cancel()
