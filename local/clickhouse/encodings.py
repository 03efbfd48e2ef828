"""Content codings: of request bodies, unpacked in parts of a bounded size, and of answers."""

import sys
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import brotli
import cramjam
import lz4.frame

from local.clickhouse.errors import CANNOT_DECOMPRESS, NOT_IMPLEMENTED, refusal

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PART_BYTES = 1 << 20
"""What comes out of a decoder at once, whatever went in; brotli rounds it up, to less than twice as much."""
# Windows beyond this would take more memory than a part: zstd's own default for what it decodes is 128 MiB.
_ZSTD_WINDOW_LOG = 24


class _Unpacker(Protocol):
    """One frame of a coding, unpacked bit by bit."""

    eof: bool
    unused_data: bytes

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Return the next bytes, `max_length` at most; with b"" for `data` more of what went in before."""


class _Zlib:
    """zlib keeps its unread input in `unconsumed_tail`, where the others keep it to themselves."""

    def __init__(self, window_bits: int) -> None:
        self._inner = zlib.decompressobj(window_bits)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)


class _Brotli:
    def __init__(self) -> None:
        self._inner = brotli.Decompressor()
        self.unused_data = b""

    @property
    def eof(self) -> bool:
        return bool(self._inner.is_finished())

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return bytes(self._inner.process(data, output_buffer_limit=max_length))


def _zstd() -> Any:
    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG})


_UNPACKERS: dict[str, Callable[[], Any]] = {
    "gzip": lambda: _Zlib(16 + zlib.MAX_WBITS),
    "deflate": lambda: _Zlib(zlib.MAX_WBITS),
    "lz4": lz4.frame.LZ4FrameDecompressor,
    "zstd": _zstd,
    "br": _Brotli,
}
_BROKEN = (zlib.error, zstd.ZstdError, brotli.error, RuntimeError, EOFError, ValueError)
# Cheapest first: on loopback the processor is scarcer than the wire.
_COMPRESSORS: dict[str, Callable[[], Any]] = {
    "lz4": cramjam.lz4.Compressor,
    "zstd": lambda: cramjam.zstd.Compressor(1),
    "gzip": lambda: cramjam.gzip.Compressor(1),
    "deflate": lambda: cramjam.zlib.Compressor(1),
    "br": lambda: cramjam.brotli.Compressor(1),
}


class Decoder:
    """Unpacks one body, of one frame or several. Raises EngineError for an unknown coding or broken data."""

    def __init__(self, coding: str) -> None:
        if coding not in _UNPACKERS:
            raise refusal(NOT_IMPLEMENTED, "NOT_IMPLEMENTED", f"Unknown Content-Encoding {coding[:40]!r}.")
        self._coding = coding
        self._unpacker: _Unpacker = _UNPACKERS[coding]()

    def decode(self, packed: bytes) -> Iterator[bytes]:
        """Give what the next packed bytes hold, in parts of about `PART_BYTES`."""
        try:
            while packed or not self._unpacker.eof:
                if self._unpacker.eof:
                    self._unpacker = _UNPACKERS[self._coding]()
                part = self._unpacker.decompress(packed, PART_BYTES)
                packed = self._unpacker.unused_data if self._unpacker.eof else b""
                if part:
                    yield part
                elif not packed:
                    return
        except _BROKEN as error:
            raise self._broken(str(error)) from error

    def finish(self) -> None:
        """Raise EngineError when the body ended before its last frame did."""
        if not self._unpacker.eof:
            raise self._broken("it ends too early")

    def _broken(self, why: str) -> Exception:
        return refusal(CANNOT_DECOMPRESS, "CANNOT_DECOMPRESS", f"The body is not valid {self._coding}: {why[:200]}.")


def chosen_encoding(accept: str) -> str:
    """Choose an answer's coding from an Accept-Encoding header; "" for none."""
    offered = {part.partition(";")[0].strip().lower() for part in accept.split(",")}
    return next((coding for coding in _COMPRESSORS if coding in offered), "")


class Encoder:
    """Compresses an answer block by block."""

    def __init__(self, coding: str) -> None:
        self._compressor = _COMPRESSORS[coding]()

    def encode(self, block: memoryview | bytes) -> bytes:
        """Compress a block; what it gives can be sent at once."""
        self._compressor.compress(block)
        return bytes(self._compressor.flush())

    def finish(self) -> bytes:
        """End the compressed stream."""
        return bytes(self._compressor.finish())
