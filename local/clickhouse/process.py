"""The process around the front: one owner per data directory, one listener, a clean end."""

import asyncio
import fcntl
import os
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from aiohttp import web

from local.clickhouse.config import EngineConfig, User
from local.clickhouse.engine import Engine
from local.clickhouse.server import Front
from schema.errors import GigawattError
from schema.terminal import say

# Statements may be long: query parameters and settings stand in the URL.
_URL_MOST_BYTES = 1 << 20
_READ_BYTES = 1 << 20


async def serve(
    path: Path,
    host: str,
    port: int,
    *,
    config: EngineConfig,
    user_table: tuple[User, ...],
    grace_s: float = 5.0,
) -> None:
    """Serve until SIGINT or SIGTERM, then let running requests end for `grace_s` and close the engine.

    Raises GigawattError when the directory belongs to another process or the port is taken.
    """
    with _owned(path), _listening(host, port) as listener:
        stop = asyncio.Event()
        _on_signals(stop)
        engine = await asyncio.to_thread(_open_engine, path, config, user_table)
        _on_signals(stop)  # again, since the engine installs handlers of its own
        front = Front(engine, user_table, name=config.display_name)
        try:
            async with _accepting(front, engine, listener, grace_s):
                _say(f"clickhouse ready on {host}:{listener.getsockname()[1]}")
                await stop.wait()
                _say("clickhouse stopping")
        finally:
            front.close()
            engine.close()


def _on_signals(stop: asyncio.Event) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)


@contextmanager
def _owned(path: Path) -> Iterator[None]:
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = (path / "lock").open("w")
    except OSError as error:
        raise GigawattError(f"cannot write to {path} ({error.strerror}): name another data directory") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise GigawattError(
                f"{path} is in use by another process: stop that one, or name another directory"
            ) from None
        yield


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    try:
        listener = socket.create_server((host, port), backlog=256)
    except OSError as error:
        # The standard library adds the address to `strerror`; a name that does not resolve has no errno.
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        raise GigawattError(
            f"cannot listen on {host}:{port} ({reason}): stop what uses it, or choose another port"
        ) from None
    with listener:
        yield listener


def _open_engine(path: Path, config: EngineConfig, user_table: tuple[User, ...]) -> Engine:
    if "?" in str(path.resolve()):
        raise GigawattError(f"the engine cannot open {path} (there is a ? in it): name another data directory")
    config_path = path.resolve() / "engine.xml"
    config.write(config_path, user_table)
    try:
        return Engine(f"{path.resolve() / 'engine'}?config-file={config_path}")
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise GigawattError(
            f"the engine cannot open {path} ({reason}): move that directory away, or name another"
        ) from error


@asynccontextmanager
async def _accepting(front: Front, engine: Engine, listener: socket.socket, grace_s: float) -> AsyncIterator[None]:
    server = web.Server(
        front.handle,
        access_log=None,
        auto_decompress=False,  # compressed bodies are the threads' work, not the event loop's
        max_line_size=_URL_MOST_BYTES,
        max_field_size=_URL_MOST_BYTES,
        read_bufsize=_READ_BYTES,
    )
    runner = web.ServerRunner(server, shutdown_timeout=grace_s)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    try:
        yield
    finally:
        late = asyncio.get_running_loop().call_later(grace_s, engine.cancel, "")
        await runner.cleanup()
        late.cancel()
        # Handlers that the clean-up gave up may have left a statement to its thread.
        await asyncio.to_thread(engine.cancel, "")


def _say(line: str) -> None:
    say(line, err=True)  # what a supervisor waits for
