"""The chDB engine: run a statement whole, fetch a result in blocks, insert data in blocks."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from local.clickhouse import binding
from local.clickhouse.binding import parameter_statement, quoted
from local.clickhouse.config import User
from local.clickhouse.connections import ORDINARY_DATABASE, Connections, Session, SharedSession, checked_parameters
from local.clickhouse.errors import RAISED, EngineError, from_engine, without_scope
from local.clickhouse.native import (
    Columns,
    described_columns,
    describing,
    empty_block,
    telling_columns,
    told_columns,
)
from local.clickhouse.protocol import Summary
from local.clickhouse.statements import Form, Insert
from local.clickhouse.texts import AGGREGATING
from local.clickhouse.watchdog import Watchdog

_BLOCK_BYTES = 1 << 20
# Table functions that reach nothing beyond the engine. All others read files, other servers or the process itself, or
# take SQL in a string, as the defaults of columns that `format` and `generateRandom` are given.
_INWARD_FUNCTIONS = frozenset(
    {
        *("numbers", "numbers_mt", "zeros", "zeros_mt", "primes", "generateseries", "generate_series"),
        *("values", "sqlstandardvalues", "null", "view", "viewifpermitted", "viewexplain"),
        "merge",
    }
)
# Ordinary functions that read files or ask other servers. The embedded engine asks for no grant before most of them.
_OUTWARD_SCALARS = frozenset({"file", "catboostevaluate", "reversednsquery", "hascolumnintable"})
# Functions that take SQL in a string: declarations of columns, whose defaults they compute.
_READING_SCALARS = frozenset({"structuretocapnprotoschema", "structuretoprotobufschema"})
# Functions that no limit stops: those that cut polygons (two of 20,000 corners took 6 GB, which nothing counts), and
# those that take 3 s to minutes for one block of some megabytes, mostly by the square of a length.
_ENDLESS_SCALARS = """
SELECT lower(name) FROM system.functions WHERE match(if(alias_to = '', name, alias_to), concat('(?i)^(',
    'polygon(s|ConvexHull)|geometryIntersect|h3Polygon|',
    '(array|damerau)?Levenshtein|editDistance|jaro|arraySimilarity|seriesDecomposeSTL|',
    'ngram(Min|Sim)Hash|halfMD5|base58', ')'))
"""
_FORMS_KEPT, _FORM_KEPT_BYTES = 256, 8 << 10  # with their words, some 40 bytes a byte
_PARSING = Session(User("parser"), read_only=False, database="", settings=(("max_query_size", str(2 << 20)),))


@dataclass(frozen=True)
class Result:
    """A whole result; `owner` holds the engine's memory that a large `body` looks at."""

    body: memoryview | bytes
    summary: Summary
    owner: object = None


class _Use:
    """One use of a connection: an error of the engine ends it and comes out as an EngineError."""

    def __init__(self, connections: Connections, session: Session, watchdog: Watchdog, sql: bytes) -> None:
        self._connections = connections
        self._session = session
        self._watchdog, self._sql = watchdog, sql
        # No call of a reader lasts longer than the time for all of its query. The owner's may last.
        self._most_s = dict(session.user.limits).get("max_execution_time")
        # A stop may come from another thread while this one still works on the connection.
        self.lock = threading.Lock()
        self.connection: Any = connections.take(session)

    def end(self, *, clean: bool) -> None:
        """Give the connection back; a second call does nothing."""
        connection, self.connection = self.connection, None
        if connection is not None:
            self._connections.give_back(self._session, connection, clean=clean)

    @contextmanager
    def guarded(self) -> Iterator[Any]:
        with self.lock, self._watchdog.watching(self._sql, self._most_s):
            try:
                yield self.connection
            except RAISED as error:
                self.end(clean=False)
                raise from_engine(error) from None
            except BaseException:
                self.end(clean=False)
                raise


class Engine:
    """The engine at one location (chDB's connection string); `scratch` is a directory for what lives shortly.

    `watchdog` watches what readers ask for. Thread-safe; every method may block.

    Every method that runs a statement raises EngineError.
    """

    def __init__(self, location: str, scratch: Path, watchdog: Watchdog) -> None:
        self._watchdog = watchdog
        self._connections = (Connections if binding.IS_NEWEST else SharedSession)(location)
        self._connections.anchor.query(f"CREATE DATABASE IF NOT EXISTS {ORDINARY_DATABASE} ENGINE = Atomic", "Null")
        self._scratch = scratch
        self._form = lru_cache(_FORMS_KEPT)(self._formed)
        self.setting_names = frozenset(self._column("SELECT name FROM system.settings"))
        tables = self._column("SELECT lower(name) FROM system.table_functions")
        closed = _OUTWARD_SCALARS.union(_READING_SCALARS, self._column(_ENDLESS_SCALARS))
        self.closed_functions = closed.union(tables) - _INWARD_FUNCTIONS
        self.closed_names = closed | AGGREGATING
        self.version = self._column("SELECT version()")[0]

    def query(
        self, session: Session, sql: bytes, fmt: str, params: Mapping[str, str], *, keep: bool, is_query: bool
    ) -> Result:
        """Run a statement and hold its whole result. `keep` says that it leaves its connection as it was."""
        use = self._use(session, sql)
        with use.guarded() as connection:
            result = binding.ask(connection, sql, fmt, params)
            owner = result.get_memview() if result.size() > _BLOCK_BYTES else None
            body = owner.view() if owner else result.bytes()
            written_rows, written_bytes = binding.written(result)
            summary = Summary(
                read_rows=result.storage_rows_read(),
                read_bytes=result.storage_bytes_read(),
                written_rows=written_rows,
                written_bytes=written_bytes,
                result_rows=result.rows_read(),
                result_bytes=len(body),
                elapsed_ns=int(result.elapsed() * 1e9),
            )
        if fmt == "Native" and not body and is_query:
            with use.guarded() as connection:
                body = empty_block(_columns(connection, sql, params))
            summary = replace(summary, result_bytes=len(body))
        use.end(clean=keep)
        return Result(body, summary, (result, owner))

    def stream(self, session: Session, sql: bytes, fmt: str, params: Mapping[str, str]) -> "Stream":
        """Start a query whose result is fetched block by block."""
        return Stream(self._use(session, sql), sql, fmt, params)

    def insert(self, session: Session, target: Insert, params: Mapping[str, str], token: str) -> "Insertion":
        """Start an insert whose data is appended block by block; `token` is its deduplication token or ""."""
        head = target.head
        if token:
            clause = "," if target.has_settings else " SETTINGS"
            head += f"{clause} insert_deduplication_token = {quoted(token)}".encode()
        checked = checked_parameters(params)
        return Insertion(self._use(session, head), head, target.input_format, checked, self._scratch)

    def form(self, sql: bytes) -> Form:
        """Read one statement with the engine's own parser, without running it. Several are an error."""
        return self._form(sql) if len(sql) <= _FORM_KEPT_BYTES else self._formed(sql)

    def _formed(self, sql: bytes) -> Form:
        return self._read(sql, quoted(sql.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape"))

    def form_around(self, before: str, literal: str, after: str) -> Form:
        """Read the statement that is a string, as the engine writes it, between two texts, without running it."""
        return self._read(b"", f"concat({quoted(before)}, {literal}, {quoted(after)})".encode())

    def _read(self, sql: bytes, text: bytes) -> Form:
        use = self._use(_PARSING, sql)
        try:
            with use.guarded() as connection:
                formatted = connection.query(b"SELECT formatQuerySingleLine(" + text + b")", "RawBLOB").bytes()
        except EngineError as error:
            raise without_scope(error) from None
        use.end(clean=True)
        return Form(sql, formatted.decode("utf-8", "replace"))

    def cancel(self, ending: str) -> None:
        """Ask the running statements whose text has this ending to stop; does not wait for them. chDB 3 cannot."""
        if not binding.IS_NEWEST:
            return
        self._watchdog.cancelled(ending)
        with suppress(RuntimeError):  # they may end by themselves meanwhile
            self._connections.anchor.query(
                f"KILL QUERY WHERE endsWith(query, {quoted(ending)}) AND query NOT LIKE 'KILL %' ASYNC", "Null"
            )

    def alive(self) -> None:
        """Have the engine answer something small."""
        if binding.IS_NEWEST:  # chDB 3 has one session, which may be long in use
            try:
                self._connections.anchor.query("SELECT 1", "Null")
            except RAISED as error:
                raise from_engine(error) from None

    def resident(self) -> int:
        """Return the bytes that the process takes."""
        return self._watchdog.resident()

    def close(self) -> None:
        """Close the engine; everything that it answered for is on disk."""
        self._connections.close()

    def _use(self, session: Session, sql: bytes) -> _Use:
        return _Use(self._connections, session, self._watchdog, sql)

    def _column(self, sql: str) -> list[str]:
        return str(self._connections.anchor.query(sql, "TSV").bytes().decode()).splitlines()


class Stream:
    """A running query. Fetch until it has ended; close it in any case."""

    def __init__(self, use: _Use, sql: bytes, fmt: str, params: Mapping[str, str]) -> None:
        self._use = use
        self._sql, self._fmt, self._params = sql, fmt, dict(params)
        self._rows = self._bytes = 0
        self.ended = False
        with use.guarded() as connection:
            self._running = binding.stream(connection, sql, fmt, params)

    @property
    def summary(self) -> Summary:
        """What was fetched so far."""
        return Summary(self._rows, self._bytes, result_rows=self._rows, result_bytes=self._bytes)

    def fetch(self) -> list[bytes]:
        """Fetch the next parts of the result, about a mebibyte together."""
        parts: list[bytes] = []
        size = 0
        with self._use.guarded() as connection:
            while size < _BLOCK_BYTES and not self.ended:
                chunk = self._running.fetch()
                if chunk is None:
                    self.ended = True
                    break
                parts.append(chunk.bytes())
                size += len(parts[-1])
                self._rows += chunk.rows_read()
            if self.ended and not size and not self._bytes and self._fmt == "Native":
                parts.append(empty_block(_columns(connection, self._sql, self._params)))
        self._bytes += size
        if self.ended:
            self._use.end(clean=True)
        return parts

    def close(self) -> None:
        """Cancel the query if it still runs."""
        with self._use.lock, suppress(RuntimeError):
            if self._use.connection is not None:
                self._running.cancel()
        self.ended = True
        self._use.end(clean=False)


def _columns(connection: Any, sql: bytes, params: Mapping[str, str]) -> Columns:
    """Return the columns of a query whose result was empty, by its description where that will do: it runs nothing."""
    with suppress(RuntimeError):  # a clause that only a whole statement may have
        described = described_columns(binding.ask(connection, describing(sql), "JSON", params).bytes())
        if described is not None:
            return described
    return told_columns(binding.ask(connection, telling_columns(sql), "JSON", params).bytes())


class Insertion:
    """A running insert. Append all data, then finish; cancel it in any case, which ends an unfinished one."""

    def __init__(self, use: _Use, head: bytes, fmt: str, params: Mapping[str, str], scratch: Path) -> None:
        self._use = use
        # Query parameters stay on a connection, so one that had any is not used again.
        self._clean = not params
        with use.guarded() as connection:
            for name, value in params.items():
                connection.query(parameter_statement(name, value), "Null")
            self._running = binding.Inserting(connection, head, fmt, scratch)

    def append(self, parts: list[bytes]) -> None:
        """Hand over the next parts of the data, in the insert's format."""
        with self._use.guarded():
            for part in parts:
                self._running.append(part)

    def finish(self) -> Summary:
        """Store the rest and end the insert."""
        with self._use.guarded():
            done = self._running.finish()
        self._use.end(clean=self._clean)
        rows, size = done.rows_written, done.bytes_written
        return Summary(rows, size, rows, size, elapsed_ns=int(done.elapsed * 1e9))

    def cancel(self) -> None:
        """Drop what is not stored yet."""
        with self._use.lock, suppress(RuntimeError):
            if self._use.connection is not None:
                self._running.cancel()
        self._use.end(clean=False)
