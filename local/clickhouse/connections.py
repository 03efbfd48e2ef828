"""Connections to the engine, each of which carries one session's user, database and settings.

Settings never leak: a connection is only shared by requests whose sessions are equal, and one that ran
anything but a plain query or insert is closed. Opening one costs about 1 ms with its settings, against 0 for
one that waits; workers and dashboards send the same settings over and over.
"""

import re
import threading
from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from chdb.state.sqlitelike import Connection

from local.clickhouse.binding import quoted
from local.clickhouse.config import User
from local.clickhouse.errors import RAISED, UNKNOWN_SETTING, from_engine, refusal
from local.clickhouse.protocol import Request

_IDLE_MOST = 32  # an idle connection holds about 0.1 MB
_DEFAULT_DATABASE = "default"
ORDINARY_DATABASE = "local"
"""The database that is meant where none is named. The engine's own `default` takes files for tables, so that even a
table that it has not would be rejected for want of the right to read files."""
_NAME = re.compile(r"[A-Za-z_]\w*\Z", re.ASCII)


@dataclass(frozen=True)
class Session:
    """All that makes one connection unlike another.

    `statements` are the SET and USE statements that the client's HTTP session ran before, in order.
    """

    user: User
    read_only: bool
    database: str
    settings: tuple[tuple[str, str], ...]
    statements: tuple[bytes, ...] = ()

    def opening(self) -> list[str | bytes]:
        """Give the statements that bring a fresh connection into this session.

        The user's bounds come first, so that the engine itself holds the client's settings to them.
        """
        database = ORDINARY_DATABASE if self.database in {"", _DEFAULT_DATABASE} else self.database
        opening: list[str | bytes] = [f"USE {quoted(database, '`')}"]
        if self.user.limits:
            limits = ", ".join(f"{name} = {value}" for name, value in self.user.limits + self.user.floors)
            opening += [f"SET profile = {quoted(self.user.profile or self.user.name)}", f"SET {limits}"]
        if self.read_only:
            opening.append("SET readonly = 2")
        opening += self.statements
        if self.settings:
            opening.append("SET " + ", ".join(f"{name} = {quoted(value)}" for name, value in self.settings))
        return opening


def session_of(
    request: Request, user: User, known_settings: Collection[str], statements: tuple[bytes, ...] = ()
) -> Session:
    """Work out the session of a request.

    A number above the user's limit becomes the limit: Grafana asks for its own timeout plus five seconds.
    An unknown setting is an error as in ClickHouse, except from a Go driver, whose newer versions may send
    settings that this engine does not know; there it is left out. Raises EngineError.
    """
    limits = dict(user.limits)
    settings = []
    for name, value in request.settings:
        if name not in known_settings:
            if request.revision and not request.client.startswith("clickhouse-connect"):
                continue
            raise refusal(UNKNOWN_SETTING, "UNKNOWN_SETTING", f"Unknown setting {quoted(name)}.")
        settings.append((name, _bounded(value, limits.get(name))))
    return Session(
        user=user,
        read_only=user.read_only or request.read_only,
        database=request.database,
        settings=tuple(settings),
        statements=statements,
    )


def _bounded(value: str, most: int | None) -> str:
    if most is None or not value.isdecimal():
        return value
    return str(min(int(value), most) or most)  # 0 stands for "no limit"


def checked_parameters(params: Mapping[str, str]) -> Mapping[str, str]:
    """Return query parameters whose names may stand in a statement. Raises EngineError."""
    for name in params:
        if not _NAME.match(name):
            raise refusal(UNKNOWN_SETTING, "UNKNOWN_SETTING", f"{quoted(name)} is not a name of a query parameter.")
    return params


class Connections:
    """All connections to the engine at one location (chDB's connection string). Thread-safe.

    Raises EngineError when a session cannot be opened, for instance for an unknown database.
    """

    def __init__(self, location: str) -> None:
        self._location = location
        self._lock = threading.Lock()
        self._idle: OrderedDict[int, tuple[Session, Connection]] = OrderedDict()
        # The engine lives for as long as one connection is open.
        self.anchor = Connection(location)

    def take(self, session: Session) -> Connection:
        """Give a connection in this session, for one request at a time."""
        with self._lock:
            key = next((key for key in reversed(self._idle) if self._idle[key][0] == session), None)
            if key is not None:
                return self._idle.pop(key)[1]
        connection = Connection(self._location)
        try:
            for statement in session.opening():
                connection.query(statement, "Null")
        except RAISED as error:
            connection.close()
            raise from_engine(error) from None
        return connection

    def give_back(self, session: Session, connection: Connection, *, clean: bool) -> None:
        """Keep a connection for the next request in its session; close it when it is not clean."""
        surplus = connection
        if clean:
            with self._lock:
                self._idle[id(connection)] = (session, connection)
                if len(self._idle) <= _IDLE_MOST:
                    return
                surplus = self._idle.popitem(last=False)[1][1]
        surplus.close()

    def close(self) -> None:
        """Close every connection that nobody uses, and the engine with the last one."""
        with self._lock:
            idle, self._idle = self._idle, OrderedDict()
        for _, connection in idle.values():
            connection.close()
        self.anchor.close()


class SharedSession(Connections):
    """The same for chDB 3, where all connections share one session: requests take turns on it, and leave it clean."""

    def __init__(self, location: str) -> None:
        super().__init__(location)
        self._turn = threading.Lock()
        self._clean = self._changed()

    def take(self, session: Session) -> Connection:
        """Wait for the session and bring it where the request wants it."""
        self._turn.acquire()
        try:
            for statement in session.opening():
                self.anchor.query(statement, "Null")
        except RAISED as error:
            self.give_back(session, self.anchor, clean=False)
            raise from_engine(error) from None
        return self.anchor

    def give_back(self, session: Session, connection: Connection, *, clean: bool) -> None:  # noqa: ARG002  as above
        """Take back whatever the request set, and let the next one have the session."""
        try:
            # This engine takes back even what its constraints hold, and `readonly` must go first.
            connection.query("SET readonly = DEFAULT", "Null")
            changed = self._changed()
            for name in (changed.keys() | self._clean.keys()) - {"readonly"}:
                if changed.get(name) != self._clean.get(name):
                    value = quoted(self._clean[name]) if name in self._clean else "DEFAULT"
                    connection.query(f"SET {name} = {value}", "Null")
            connection.query("USE default", "Null")
        finally:
            self._turn.release()

    def _changed(self) -> dict[str, str]:
        rows = self.anchor.query("SELECT name, value FROM system.settings WHERE changed", "TSVRaw").bytes().decode()
        return dict(row.split("\t", 1) for row in rows.splitlines() if "\t" in row)
