"""Answers over HTTP within bounds of time and size, for all who ask over it: exporters' pages, Redfish services.

The time is one deadline for the whole answer. urllib3 and http.client wait for so long at each read of the socket: a
status line, a header or the length of a chunk that drips in byte by byte lasts for ever with them. Here each read has
what is left of the time. The size is that of the body as it is kept: what comes compressed, though nobody asked for it,
is unpacked piece by piece, and a small answer cannot unfold into a large one.
"""

import http.client
import io
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Final

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

_CHUNK_BYTES: Final = 64 * 2**10
_GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS
_UNPACKED: Final = ("gzip", "x-gzip", "deflate")
_AS_IT_IS: Final = ("", "identity")
_SHORTEST_S: Final = 0.001  # a timeout of 0 would mean not to wait at all, and raise something else


class TooMuchError(ValueError):
    """An answer that is larger than its bound, or packed in a way that nobody asked for; the message says it."""


class Deadline:
    """The time that an answer has; `start` begins it anew."""

    def __init__(self, elapsed: Callable[[], float] = time.monotonic) -> None:
        self._elapsed = elapsed
        self._until_s = float("inf")

    def start(self, within_s: float) -> None:
        """Let so many seconds be left from now on."""
        self._until_s = self._elapsed() + within_s

    @property
    def left_s(self) -> float:
        """How long until it, negative when it is over."""
        return self._until_s - self._elapsed()


def pool_manager(deadline: Deadline, **options: Any) -> urllib3.PoolManager:
    """Return urllib3's pool of one connection, whose answers keep the deadline; it follows no redirect by itself."""

    def respond(*arguments: Any, **named: Any) -> http.client.HTTPResponse:
        return _Response(deadline, *arguments, **named)

    class Plain(HTTPConnection):
        response_class = staticmethod(respond)  # type: ignore[assignment]  # http.client only calls it

    class Secure(HTTPSConnection):
        response_class = staticmethod(respond)  # type: ignore[assignment]  # the same

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    manager = urllib3.PoolManager(num_pools=1, maxsize=1, retries=False, **options)
    manager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}
    return manager


def body_of(answer: urllib3.BaseHTTPResponse, deadline: Deadline, most_bytes: int) -> bytes:
    """Return the body, unpacked. Raises `TooMuchError`, `TimeoutError`, and what urllib3 raises."""
    encoding = (answer.headers.get("Content-Encoding") or "").strip().lower()
    if encoding not in (*_AS_IT_IS, *_UNPACKED):
        raise TooMuchError(f"sent an answer with the encoding {encoding[:20]}, which was not requested")
    parts = _parts(answer)
    body = bytearray()
    for part in _unpacked(parts, most_bytes) if encoding in _UNPACKED else parts:
        body += part
        if len(body) > most_bytes:
            raise TooMuchError(f"sent more than {most_bytes / 2**20:.0f} MiB")
        if deadline.left_s < 0:
            raise TimeoutError
    return bytes(body)


def _parts(answer: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    while part := answer.read1(_CHUNK_BYTES, decode_content=False):
        yield part


def _unpacked(parts: Iterator[bytes], most_bytes: int) -> Iterator[bytes]:
    """Unpack what comes, never more of it at once than a little beyond the bound."""
    unpack = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        for part in parts:
            rest = part
            while rest and not unpack.eof:
                yield unpack.decompress(rest, min(most_bytes + 1, 2**20))
                rest = unpack.unconsumed_tail
    except zlib.error as error:
        raise TooMuchError("sent a compressed body that cannot be decompressed") from error
    if not unpack.eof:
        raise TooMuchError("sent a truncated compressed body")


class _Response(http.client.HTTPResponse):
    """An answer whose every read of the socket has what is left of the time."""

    def __init__(self, deadline: Deadline, sock: Any, *arguments: Any, **named: Any) -> None:
        super().__init__(sock, *arguments, **named)
        self.fp = io.BufferedReader(_Timely(self.fp.detach(), sock, deadline))


class _Timely(io.RawIOBase):
    def __init__(self, raw: io.RawIOBase, sock: Any, deadline: Deadline) -> None:
        self._raw = raw
        self._sock = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int | None:
        left_s = self._deadline.left_s
        if left_s <= 0:
            raise TimeoutError("timed out")
        if left_s < float("inf"):
            self._sock.settimeout(max(left_s, _SHORTEST_S))
        return self._raw.readinto(into)

    def close(self) -> None:
        self._raw.close()
        super().close()
