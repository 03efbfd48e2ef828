"""Damage to valid bytes: to single ones, to the lengths and offsets that they hold, and to the order of their parts."""

import struct
from typing import Final

from hypothesis import strategies as st

_NUMBERS: Final = (
    *(0, 1, -1, 2, 4, 7, 8, 16, 100, 127, 128, 255, 256, 4_096, 65_535, 65_536, 10**6, 4 * 10**6),
    *(2**31 - 1, -(2**31), 2**32 - 1, 2**40, 2**62, 2**63 - 1, -(2**63)),
)
_SIZES: Final = {2: "<h", 4: "<i", 8: "<q"}


def _whole(value: int, size: int) -> bytes:
    return struct.pack(_SIZES[size].upper(), value & (2 ** (8 * size) - 1))


def _bitten(draw: st.DrawFn, value: bytearray, at: int) -> None:
    """Change a few bytes where they stand: one, a bit of one, or a number that may be a length."""
    kind = draw(st.sampled_from(("byte", "bit", "number", "add")))
    if kind == "byte":
        value[at] = draw(st.integers(0, 255))
    elif kind == "bit":
        value[at] ^= 1 << draw(st.integers(0, 7))
    elif kind == "number":
        size = draw(st.sampled_from(tuple(_SIZES)))
        at -= at % size if draw(st.booleans()) else 0
        value[at : at + size] = _whole(draw(st.sampled_from(_NUMBERS)), size)
    elif at + 4 <= len(value):
        (old,) = struct.unpack_from("<i", value, at)
        value[at : at + 4] = _whole(old + draw(st.sampled_from((-8, -4, -1, 1, 4, 8, 64))), 4)


def _torn(draw: st.DrawFn, value: bytearray, at: int, values: st.SearchStrategy[bytes]) -> None:
    """Leave out, repeat or move a part, or go on as another value does."""
    kind, length = draw(st.sampled_from(("cut", "leave", "double", "move", "other", "end"))), draw(st.integers(1, 64))
    if kind == "cut":
        del value[at:]
    elif kind == "leave":
        del value[at : at + length]
    elif kind == "double":
        value[at:at] = value[at : at + length] * draw(st.sampled_from((1, 2, 100)))
    elif kind == "move":
        to = draw(st.integers(0, len(value) - 1))
        value[to : to + length] = value[at : at + length]
    elif kind == "other":
        other = draw(values)
        value[at:] = other[draw(st.integers(0, max(len(other) - 1, 0))) :]
    else:
        value += draw(st.binary(max_size=32))


@st.composite
def damaged(draw: st.DrawFn, values: st.SearchStrategy[bytes], most: int = 6) -> bytes:
    """Return one of some values with up to `most` wounds."""
    value = bytearray(draw(values))
    for _ in range(draw(st.integers(0, most))):
        if not value:
            break
        at = draw(st.integers(0, len(value) - 1))
        if draw(st.booleans()):
            _bitten(draw, value, at)
        else:
            _torn(draw, value, at, values)
    return bytes(value)
