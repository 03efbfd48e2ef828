"""chDB's Python interface in its two shapes: the newest, and that of 3.7, whose engine is ClickHouse 25.8."""

import errno
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from chdb.state.sqlitelike import Connection

from local.room import KEPT_FREE_BYTES
from schema.disk import free_bytes

IS_NEWEST: Final = hasattr(Connection, "send_insert")
_NOT_ENOUGH_SPACE: Final = 243
_MOST_BYTES: Final = 1 << 30
_TOO_LARGE: Final = "Code: 396. DB::Exception: The insert has more than 1 GiB; split it. (TOO_MANY_ROWS_OR_BYTES)"
_LOOK_EVERY_BYTES: Final = 16 << 20


class Written(NamedTuple):
    """What an insert stored."""

    rows_written: int
    bytes_written: int
    elapsed: float


def ask(connection: Any, sql: bytes | str, fmt: str, params: Mapping[str, str]) -> Any:
    """Run a statement and return chDB's result. Where parameters are settings, the connection keeps them."""
    if IS_NEWEST:
        return connection.query(sql, fmt, params=dict(params))
    _set(connection, params)
    return connection.query(sql, fmt)


def stream(connection: Any, sql: bytes, fmt: str, params: Mapping[str, str]) -> Any:
    """Start a query and return chDB's stream of its result."""
    if IS_NEWEST:
        return connection.send_query(sql, fmt, params=dict(params))
    _set(connection, params)
    return connection.send_query(sql, fmt)


def written(result: Any) -> tuple[int, int]:
    """Return rows and bytes that a statement wrote; chDB 3.7 does not count them."""
    return (result.rows_written(), result.bytes_written()) if hasattr(result, "rows_written") else (0, 0)


def _set(connection: Any, params: Mapping[str, str]) -> None:
    for name, value in params.items():
        connection.query(parameter_statement(name, value), "Null")


def quoted(value: str, quote: str = "'") -> str:
    """Quote a literal, or with a backquote a name, for the engine."""
    escaped = value.replace("\\", "\\\\").replace(quote, "\\" + quote)
    return f"{quote}{escaped}{quote}"


def parameter_statement(name: str, value: str) -> str:
    """Return the statement that sets a query parameter; `value` is in ClickHouse's escaped form."""
    return f"SET param_{name} = {quoted(value)}"


class Inserting:
    """A running insert. Its data is taken whole, up to 1 GiB, from a file in `folder` that goes with it.

    chDB's own streamed insert (`send_insert`, 26.9) ends without an error, and with the rows counted as written, when
    the part cannot be written: for want of room, for too many parts, for a constraint. A file costs 0.9 ms more.
    """

    def __init__(self, connection: Any, head: bytes, fmt: str, folder: Path) -> None:
        self._connection, self._head, self._fmt = connection, head, fmt
        self._folder, self._bytes, self._look_at_bytes = folder, 0, 0
        with _room():
            self._file = tempfile.NamedTemporaryFile(dir=folder, suffix=".insert")  # noqa: SIM115  until the end

    def append(self, part: bytes) -> None:
        """Hand over the next part of the data."""
        self._bytes += len(part)
        if self._bytes > _MOST_BYTES:
            raise RuntimeError(_TOO_LARGE)
        with _room():
            if self._bytes >= self._look_at_bytes:
                self._look_at_bytes = self._bytes + _LOOK_EVERY_BYTES
                if (free := free_bytes(self._folder)) is not None and free < KEPT_FREE_BYTES:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._file.write(part)

    def finish(self) -> Written:
        """Store all of it."""
        with _room():
            self._file.flush()
        with self._file:
            head, _, settings = self._head.partition(b" SETTINGS ")  # a clause that stands behind the file's name
            source = f" FROM INFILE {quoted(self._file.name)} COMPRESSION 'none'".encode()
            clause = b" SETTINGS " + settings if settings else b""
            done = self._connection.query(head + source + clause + b" FORMAT " + self._fmt.encode(), "Null")
        return Written(*written(done), done.elapsed())

    def cancel(self) -> None:
        """Drop what is not stored yet."""
        with suppress(OSError):  # what is left in its buffer has no room
            self._file.close()


@contextmanager
def _room() -> Iterator[None]:
    """Tell of a disk that is full as the engine does. What else a system may say is the same to whoever inserts."""
    try:
        yield
    except OSError as error:
        raise RuntimeError(
            f"Code: {_NOT_ENOUGH_SPACE}. DB::Exception: Cannot keep an insert ({error.strerror}). (NOT_ENOUGH_SPACE)"
        ) from error
