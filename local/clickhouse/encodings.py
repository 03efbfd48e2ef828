"""Content codings of request and answer bodies, all by one library that releases the interpreter lock."""

from collections.abc import Callable
from typing import Any

import cramjam

from local.clickhouse.errors import CANNOT_DECOMPRESS, NOT_IMPLEMENTED, refusal

_DECODERS: dict[str, Callable[[bytes], Any]] = {
    "gzip": cramjam.gzip.decompress,
    "deflate": cramjam.zlib.decompress,
    "lz4": cramjam.lz4.decompress,
    "zstd": cramjam.zstd.decompress,
    "br": cramjam.brotli.decompress,
}
# Cheapest first: on loopback the processor is scarcer than the wire.
_COMPRESSORS: dict[str, Callable[[], Any]] = {
    "lz4": cramjam.lz4.Compressor,
    "zstd": lambda: cramjam.zstd.Compressor(1),
    "gzip": lambda: cramjam.gzip.Compressor(1),
    "deflate": lambda: cramjam.zlib.Compressor(1),
    "br": lambda: cramjam.brotli.Compressor(1),
}


def decode(body: bytes, coding: str) -> bytes:
    """Decompress a request's body. Raises EngineError for an unknown coding or broken data."""
    decoder = _DECODERS.get(coding)
    if decoder is None:
        raise refusal(NOT_IMPLEMENTED, "NOT_IMPLEMENTED", f"Unknown Content-Encoding {coding!r}.")
    try:
        return bytes(decoder(body))
    except cramjam.DecompressionError as error:
        text = f"The body is not valid {coding}: {error}."
        raise refusal(CANNOT_DECOMPRESS, "CANNOT_DECOMPRESS", text) from error


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
