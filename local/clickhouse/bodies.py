"""A request's body: unpacked as it comes, in parts of bounded size, and never more of it than somebody wants."""

import asyncio
from concurrent.futures import Executor

from aiohttp import MultipartReader, StreamReader
from aiohttp.multipart import BodyPartReader

from local.clickhouse.encodings import Decoder
from local.clickhouse.errors import NOT_IMPLEMENTED, QUERY_IS_TOO_LARGE, EngineError, refusal

PART_BYTES = 4 << 20
# So much of a body that nobody wants is read, so that the client gets to reading its answer: of the owner's inserts,
# and of everybody else's bodies.
_DRAINED_OF_OWNER = (16 << 20, 5.0)
_DRAINED = (1 << 20, 2.0)
_LEAST_BYTES = 64 << 10
_FORM_BYTES = 1 << 20


class Body:
    """The unpacked body of one request. Raises EngineError for one that cannot be read."""

    def __init__(self, content: StreamReader, coding: str, threads: Executor) -> None:
        self._content = content
        self._decoder = Decoder(coding) if coding not in {"", "identity"} else None
        self._unpacking = iter(list[bytes]())
        self._threads = threads
        self._read_all = False
        self.ended = False

    async def parts(self, most: int = PART_BYTES) -> list[bytes]:
        """Read the next parts, about `most` bytes together; none when the body has ended."""
        if self._decoder is None:
            parts = await self._read(most)
            self.ended = self._read_all
            return parts
        parts = []
        while not self.ended and most > 0:
            unpacked = await asyncio.get_running_loop().run_in_executor(self._threads, self._unpacked, most)
            parts += unpacked
            most -= sum(map(len, unpacked))
            if most > 0 and self._read_all:
                self._decoder.finish()
                self.ended = True
            elif most > 0:
                self._unpacking = self._decoder.decode(b"".join(await self._read(max(most, _LEAST_BYTES))))
        return parts

    async def whole(self, most: int) -> bytes:
        """Read all that is left. Raises EngineError when that is more than `most` bytes."""
        parts: list[bytes] = []
        size = 0
        while not self.ended:
            parts += await self.parts(most + 1 - size)
            size = sum(map(len, parts))
            if size > most:
                text = f"A statement may have at most {most >> 10} KiB."
                raise refusal(QUERY_IS_TOO_LARGE, "QUERY_IS_TOO_LARGE", text)
        return b"".join(parts)

    async def drain(self, *, of_owner: bool) -> bool:
        """Read a little of what nobody wants; say whether that was all, so that the connection may go on."""
        left, within_s = _DRAINED_OF_OWNER if of_owner else _DRAINED
        try:
            async with asyncio.timeout(within_s):
                while left > 0 and not self._read_all:
                    left -= sum(map(len, await self._read(min(left, _LEAST_BYTES))))
        except (TimeoutError, ConnectionError):
            return False
        return self._read_all

    def _unpacked(self, most: int) -> list[bytes]:
        parts: list[bytes] = []
        size = 0
        for part in self._unpacking:
            parts.append(part)
            size += len(part)
            if size >= most:
                break
        return parts

    async def _read(self, most: int) -> list[bytes]:
        parts: list[bytes] = []
        size = 0
        while size < most and not self._read_all:
            part = await self._content.readany()
            if part:
                parts.append(part)
                size += len(part)
            else:
                self._read_all = True
        return parts


async def form_fields(reader: MultipartReader) -> dict[str, str]:
    """Read a form: `query` and `param_` fields. Raises EngineError for external tables, which are files."""
    fields: dict[str, str] = {}
    left = _FORM_BYTES
    async for part in reader:
        if not isinstance(part, BodyPartReader) or part.name is None or part.filename is not None:
            raise refusal(NOT_IMPLEMENTED, "NOT_IMPLEMENTED", "External tables are not served.")
        if "Content-Encoding" in part.headers or "Content-Transfer-Encoding" in part.headers:
            raise refusal(NOT_IMPLEMENTED, "NOT_IMPLEMENTED", "Fields of a form come as they are.")
        value = bytearray()
        while chunk := await part.read_chunk():
            value += chunk
            left -= len(chunk)
            if left < 0:
                raise _form_too_large()
        fields[part.name] = value.decode("utf-8", "surrogateescape")
    return fields


def _form_too_large() -> EngineError:
    return refusal(QUERY_IS_TOO_LARGE, "QUERY_IS_TOO_LARGE", f"A form may have at most {_FORM_BYTES >> 10} KiB.")
