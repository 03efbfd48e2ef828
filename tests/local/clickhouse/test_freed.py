"""What is freed in the process of the engine goes back to the kernel."""

import asyncio
import ctypes
import sys

import pytest

from local.clickhouse.freed import giving_back_freed_memory
from local.clickhouse.watchdog import Resident

PIECE_BYTES, PIECES = 32 << 10, 4_000


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it is glibc's malloc that keeps what is freed")
def test_small_pieces_between_others_are_given_back():
    """The last piece is still in use, and keeps the heap as long as it is."""
    library = ctypes.CDLL(None)
    library.malloc.restype, library.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    library.free.argtypes = [ctypes.c_void_p]
    resident = Resident()

    async def grown_and_back():
        pieces = [library.malloc(PIECE_BYTES) for _ in range(PIECES)]
        for piece in pieces:
            ctypes.memset(piece, 1, PIECE_BYTES)
        for piece in pieces[:-1]:
            library.free(piece)
        freed = resident()
        async with giving_back_freed_memory(every_s=0.01):
            async with asyncio.timeout(60):
                while resident() > freed - PIECE_BYTES * PIECES * 0.8:
                    await asyncio.sleep(0.01)
        library.free(pieces[-1])

    asyncio.run(grown_and_back())
