"""Connections to the engine, each of which carries one session's user, database and settings.

Settings never leak: a connection is only shared by requests whose sessions are equal, and one that ran
anything but a plain query or insert is closed. Opening one costs about 1 ms with its settings, against 0 for
one that waits; workers and dashboards send the same settings over and over.
"""

import re
import threading
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass

from chdb.state.sqlitelike import Connection

from local.clickhouse.config import User
from local.clickhouse.errors import UNKNOWN_SETTING, from_engine, refusal
from local.clickhouse.protocol import Request

_IDLE_MOST = 32  # an idle connection holds about 0.1 MB
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
        opening: list[str | bytes] = [f"USE {quoted(self.database, '`')}"] if self.database else []
        if self.user.limits:
            limits = ", ".join(f"{name} = {most}" for name, most in self.user.limits)
            opening += [f"SET profile = {quoted(self.user.name)}", f"SET {limits}"]
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


def quoted(value: str, quote: str = "'") -> str:
    """Quote a literal, or with a backquote a name, for the engine."""
    escaped = value.replace("\\", "\\\\").replace(quote, "\\" + quote)
    return f"{quote}{escaped}{quote}"


def parameter_statement(name: str, value: str) -> str:
    """Give the statement that sets a query parameter; `value` is in ClickHouse's escaped form."""
    if not _NAME.match(name):
        raise refusal(UNKNOWN_SETTING, "UNKNOWN_SETTING", f"{quoted(name)} is no name of a query parameter.")
    return f"SET param_{name} = {quoted(value)}"


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
        except RuntimeError as error:
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
