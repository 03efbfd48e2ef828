"""A request's body: its first parts for the statement in it, then the rest in parts of bounded size."""

import asyncio
from concurrent.futures import Executor
from functools import partial

from aiohttp import MultipartReader, StreamReader
from aiohttp.multipart import BodyPartReader

from local.clickhouse.encodings import decode
from local.clickhouse.errors import NOT_IMPLEMENTED, EngineError, refusal

_QUERY_IS_TOO_LARGE = 66
PART_BYTES = 4 << 20
# A compressed body is decompressed as one, and a statement is one string: both must fit in memory.
_WHOLE_MOST_BYTES = 256 << 20


class Body:
    """The decompressed body of one request. Raises EngineError for one that cannot be read."""

    def __init__(self, content: StreamReader, coding: str, threads: Executor) -> None:
        self._content = content
        self._coding = "" if coding == "identity" else coding
        self._threads = threads
        self.ended = False

    async def parts(self) -> list[bytes]:
        """Read the next parts, about 4 MiB together; a compressed body comes as one part."""
        if self._coding:
            packed = b"".join(await self._read(_WHOLE_MOST_BYTES))
            if not self.ended:
                raise _too_large("A compressed body")
            loop = asyncio.get_running_loop()
            return [await loop.run_in_executor(self._threads, partial(decode, packed, self._coding))]
        return await self._read(PART_BYTES)

    async def rest(self) -> list[bytes]:
        """Read all that is left."""
        parts = await self._read(_WHOLE_MOST_BYTES)
        if not self.ended:
            raise _too_large("A statement")
        return parts

    async def drain(self) -> None:
        """Read what nobody wants, so that the client gets to reading its answer."""
        while not self.ended:
            await self._read(PART_BYTES)

    async def _read(self, most: int) -> list[bytes]:
        parts: list[bytes] = []
        size = 0
        while size < most and not self.ended:
            part = await self._content.readany()
            if part:
                parts.append(part)
                size += len(part)
            else:
                self.ended = True
        return parts


def _too_large(what: str) -> EngineError:
    most = _WHOLE_MOST_BYTES >> 20
    return refusal(_QUERY_IS_TOO_LARGE, "QUERY_IS_TOO_LARGE", f"{what} may have at most {most} MiB.")


async def form_fields(reader: MultipartReader) -> dict[str, str]:
    """Read a form: `query` and `param_` fields. Raises EngineError for external tables, which are files."""
    fields: dict[str, str] = {}
    async for part in reader:
        if not isinstance(part, BodyPartReader) or part.name is None or part.filename is not None:
            raise refusal(NOT_IMPLEMENTED, "NOT_IMPLEMENTED", "External tables are not served.")
        fields[part.name] = (await part.read(decode=True)).decode("utf-8", "surrogateescape")
    return fields
