"""A request's body: unpacked as it comes, in parts of bounded size, and never more of it than somebody wants."""

import asyncio
from concurrent.futures import Executor

from aiohttp import StreamReader, content_disposition_filename, parse_content_disposition

from local.clickhouse.encodings import Decoder
from local.clickhouse.errors import NOT_IMPLEMENTED, QUERY_IS_TOO_LARGE, refusal

PART_BYTES = 4 << 20
# So much of a body that nobody wants is read, so that the client gets to reading its answer: of the owner's inserts,
# and of everybody else's bodies.
_DRAINED_OF_OWNER = (16 << 20, 5.0)
_DRAINED = (1 << 20, 2.0)
_LEAST_BYTES = 64 << 10
FORM_BYTES = 1 << 20
_FORM_PARTS, _FORM_HEAD_BYTES = 1024, 4096


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

    async def whole(self, most: int, what: str = "statement") -> bytes:
        """Read all that is left. Raises EngineError when that is more than `most` bytes."""
        parts: list[bytes] = []
        size = 0
        while not self.ended:
            parts += await self.parts(most + 1 - size)
            size = sum(map(len, parts))
            if size > most:
                text = f"A {what} may have at most {most >> 10} KiB."
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


def form_fields(form: bytes, boundary: str) -> dict[str, str]:
    """Read a form: `query` and `param_` fields.

    Raises EngineError for external tables, which are files, and ValueError for what is no form.

    aiohttp's own reader goes through a form line by line in the event loop, which one of a mebibyte held for 5 s.
    """
    if not boundary:
        raise ValueError("it has no boundary")
    fields: dict[str, str] = {}
    _, *parts = (b"\r\n" + form).split(b"\r\n--" + boundary.encode(), _FORM_PARTS + 1)
    for part in parts:
        if part.startswith(b"--"):
            return fields
        if len(fields) == _FORM_PARTS:
            break
        head, _, value = part.partition(b"\r\n\r\n")
        if len(head) > _FORM_HEAD_BYTES:
            raise ValueError("the header of a field is too long")
        fields[_field_name(head)] = value.decode("utf-8", "surrogateescape")
    raise ValueError(f"a form has no end, or more than {_FORM_PARTS} fields")


def _field_name(head: bytes) -> str:
    lines = (line.partition(":") for line in head.decode("utf-8", "surrogateescape").split("\r\n"))
    headers = {name.strip().lower(): value.strip() for name, _, value in lines}
    _, described = parse_content_disposition(headers.get("content-disposition"))
    name = content_disposition_filename(described, "name")
    if name is None:
        raise ValueError("a field has no name")
    if content_disposition_filename(described, "filename") is not None:
        raise refusal(NOT_IMPLEMENTED, "NOT_IMPLEMENTED", "External tables are not supported.")
    if "content-encoding" in headers or "content-transfer-encoding" in headers:
        raise refusal(NOT_IMPLEMENTED, "NOT_IMPLEMENTED", "Fields of a form must not be encoded.")
    return name
