"""The engine behind its listener, from its start to a clean end."""

import asyncio
import os
import re
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from aiohttp import web

from local.clickhouse.config import User
from local.clickhouse.engine import Engine
from local.clickhouse.freed import giving_back_freed_memory
from local.clickhouse.place import CONFIG, DATA, SCRATCH, NotOpenedError
from local.clickhouse.server import Front
from local.clickhouse.watchdog import Watchdog
from schema.crowd import bounded
from schema.disk import FULL, is_full
from schema.served_tls import Served
from schema.terminal import say

# Statements may be long: query parameters and settings stand in the URL. Header fields, of which there may be 128, are
# held in memory before anybody is asked who comes: they keep the server's own bound of 8 KB each.
_URL_MOST_BYTES = 1 << 20
# Of each connection the event loop keeps twice as much, whoever sends it.
_READ_BYTES = 256 << 10
# How long one of Python's threads keeps all others waiting, the event loop among them.
_SWITCH_S = 0.001
# What was cancelled after the grace, and the engine, end in less. A supervisor kills after 10 s.
_CLOSING_S = 3.0
_STDERR = 2
_SAID_BYTES, _REASON_CHARACTERS = 1 << 20, 300
_CONNECTIONS_MOST, _BACKLOG = 512, 128
_HANDSHAKE_S = 5.0


async def serve(
    path: Path,
    listener: socket.socket,
    *,
    name: str,
    user_table: tuple[User, ...],
    memory_bytes: int,
    resident: Callable[[], int],
    grace_s: float = 5.0,
    outside: socket.socket | None = None,
    served: Served | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM, then let running requests end for `grace_s` and close the engine.

    Who connects to `outside` is spoken to over TLS with what is `served`, and so is everybody where there is none.
    What does not end then ends with the process. So does, before, what goes far beyond its limits: `memory_bytes` is
    the engine's bound, and `resident` gives what the process takes. Raises GigawattError when the engine cannot open
    its directory.
    """
    sys.setswitchinterval(_SWITCH_S)
    stop = asyncio.Event()
    _on_signals(stop)
    watchdog = Watchdog(memory_bytes, resident=resident)
    engine = await asyncio.to_thread(_open_engine, path, watchdog)
    _on_signals(stop)  # again, since the engine installs handlers of its own
    watchdog.start()
    context = served.context if served else None
    listeners = [(listener, context)] if outside is None else [(listener, None), (outside, context)]
    addresses = frozenset(str(one.getsockname()[0]).lower() for one, secure in listeners if secure is not None)
    front = Front(engine, user_table, name=name, served=served, addresses=addresses)
    try:
        async with giving_back_freed_memory(), _accepting(front, engine, listeners, grace_s):
            host, port = listener.getsockname()[:2]
            _say(f"clickhouse ready on {host}:{port}")
            await stop.wait()
            _say("clickhouse stopping")
            watchdog.stop_within(grace_s + _CLOSING_S)
    finally:
        front.close()
        engine.close()


def _on_signals(stop: asyncio.Event) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)


def _open_engine(path: Path, watchdog: Watchdog) -> Engine:
    with TemporaryFile(dir=path / SCRATCH) as said:
        try:
            with _standard_error_to(said.fileno()):
                return Engine(f"{path / DATA}?config-file={path / CONFIG}", path / SCRATCH, watchdog)
        except RuntimeError as error:
            raise NotOpenedError(why_not_opened(path, _words_of(said), str(error))) from error
        finally:
            sys.stderr.write(_words_of(said))


def why_not_opened(path: Path, said: str, error: str) -> str:
    """Return the operator's line. The engine's error names no cause: that is in what it wrote, `said`."""
    told = next((line for line in said.splitlines() if "DB::Exception" in line), error)
    causes = [" ".join(cause.split()) for cause in re.split(r"Code: \d+\. DB::Exception: ", told) if cause.strip()]
    reason = causes[-1][:_REASON_CHARACTERS] if causes else "no reason"
    if is_full(told):
        return f"the engine cannot open {path}: {FULL} ({reason})"
    return (
        f"the engine cannot open {path} ({reason}): its files are damaged, or of another version; "
        "move that directory away to start with an empty database, or choose another"
    )


@contextmanager
def _standard_error_to(descriptor: int) -> Iterator[None]:
    """Have the process's own standard error, which libraries write to, go elsewhere until the block ends."""
    kept = os.dup(_STDERR)
    os.dup2(descriptor, _STDERR)
    try:
        yield
    finally:
        os.dup2(kept, _STDERR)
        os.close(kept)


def _words_of(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read(_SAID_BYTES).decode("utf-8", "replace")


@asynccontextmanager
async def _accepting(
    front: Front, engine: Engine, listeners: Sequence[tuple[socket.socket, ssl.SSLContext | None]], grace_s: float
) -> AsyncIterator[None]:
    server = web.Server(
        front.handle,
        access_log=None,
        auto_decompress=False,  # compressed bodies are the threads' work, not the event loop's
        max_line_size=_URL_MOST_BYTES,
        read_bufsize=_READ_BYTES,
        lingering_time=0.0,  # the front itself reads what is left of a body, within bounds
    )
    runner = web.ServerRunner(server, shutdown_timeout=grace_s)
    await runner.setup()
    factory = bounded(server, _CONNECTIONS_MOST, front.storing)
    accepting = [
        await asyncio.get_running_loop().create_server(
            factory,
            sock=listener,
            backlog=_BACKLOG,
            ssl=context,
            ssl_handshake_timeout=_HANDSHAKE_S if context else None,
            ssl_shutdown_timeout=_HANDSHAKE_S if context else None,
        )
        for listener, context in listeners
    ]
    try:
        yield
    finally:
        for one in accepting:
            one.close()
        late = asyncio.get_running_loop().call_later(grace_s, engine.cancel, "")
        await runner.cleanup()
        late.cancel()
        # Handlers that the clean-up gave up may have left a statement to its thread.
        await asyncio.to_thread(engine.cancel, "")


def _say(line: str) -> None:
    say(line, err=True)  # what a supervisor waits for
