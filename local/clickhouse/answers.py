"""Answers on the wire: whole, streamed in blocks, or rejected."""

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from local.clickhouse import protocol
from local.clickhouse.encodings import Encoder, chosen_encoding
from local.clickhouse.engine import Stream
from local.clickhouse.errors import EngineError
from local.clickhouse.protocol import Request, Summary

# A result up to this size is held back until it is whole, so that an error still gets its HTTP status.
_HELD_BYTES = 1 << 20
_HELD_BYTES_WHEN_ASKED = 16 << 20
# Below this, compressing costs more than it saves, even to a slow client.
_COMPRESSED_FROM_BYTES = 1024

InThread = Callable[..., Awaitable[Any]]


async def whole(
    http: web.BaseRequest,
    headers: dict[str, str],
    body: memoryview | bytes,
    summary: Summary,
) -> web.StreamResponse:
    """Answer with a body that is complete."""
    headers["X-ClickHouse-Summary"] = summary.header()
    if isinstance(body, bytes):
        return web.Response(body=body, headers=headers)
    response = web.StreamResponse(headers=headers)
    response.content_length = len(body)
    await response.prepare(http)
    await response.write(body)
    return response


def packed(body: memoryview | bytes, coding: str) -> bytes:
    """Compress a complete body."""
    coder = Encoder(coding)
    return coder.encode(body) + coder.finish()


def coding_for(request: Request, size: int) -> str:
    """Choose the coding of an answer of `size` bytes; "" for none."""
    if not request.compress or size < _COMPRESSED_FROM_BYTES:
        return ""
    return chosen_encoding(request.accept_encoding)


async def streamed(
    http: web.BaseRequest,
    request: Request,
    headers: dict[str, str],
    *,
    start: Callable[[], Stream],
    in_thread: InThread,
) -> web.StreamResponse:
    """Answer with a query's blocks as they come; memory stays flat whatever the size of the result.

    An error before the first byte is raised. A later one is written into the body as ClickHouse does, and the
    connection ends without the last chunk, so that no client takes the result for complete.
    """
    stream, block = await in_thread(_begin, start)
    try:
        held = [block]
        held_most = _HELD_BYTES_WHEN_ASKED if request.wait_end else _HELD_BYTES
        while not stream.ended and stream.summary.result_bytes < held_most:
            held.append(await in_thread(_next, stream, None))
        coding = coding_for(request, stream.summary.result_bytes)
        if coding:
            headers["Content-Encoding"] = coding
        if stream.ended:
            body = b"".join(held)
            if coding:
                body = await in_thread(packed, body, coding)
            return await whole(http, headers, body, stream.summary)
        coder = Encoder(coding) if coding else None
        return await _send(http, headers, stream, held, coder=coder, in_thread=in_thread)
    finally:
        if not stream.ended:
            await in_thread(stream.close)


async def _send(
    http: web.BaseRequest,
    headers: dict[str, str],
    stream: Stream,
    held: list[bytes],
    *,
    coder: Encoder | None,
    in_thread: InThread,
) -> web.StreamResponse:
    tag = protocol.exception_tag()
    response = web.StreamResponse(headers=headers | {"X-ClickHouse-Exception-Tag": tag})
    response.enable_chunked_encoding()
    await response.prepare(http)
    for block in held:
        await response.write(await in_thread(coder.encode, block) if coder else block)
    held.clear()
    try:
        while not stream.ended:
            await response.write(await in_thread(_next, stream, coder))
    except EngineError as error:
        last = protocol.exception_block(tag, error)
        await response.write(coder.encode(last) + coder.finish() if coder else last)
        if http.transport is not None:
            http.transport.close()
        return response
    if coder:
        await response.write(coder.finish())
    return response


def _begin(start: Callable[[], Stream]) -> tuple[Stream, bytes]:
    stream = start()
    return stream, b"".join(stream.fetch())


def _next(stream: Stream, coder: Encoder | None) -> bytes:
    block = b"".join(stream.fetch())
    return coder.encode(block) if coder else block


def refused(headers: dict[str, str], error: EngineError, version: str) -> web.Response:
    """Answer with an error, its code in a header and its text in the body."""
    headers["X-ClickHouse-Exception-Code"] = str(error.code)
    headers["Content-Type"] = "text/plain; charset=UTF-8"
    text = f"{error} (version {version} (chDB))\n"
    return web.Response(status=error.http_status, body=text.encode(), headers=headers)
