"""Which statements lately needed more than a little memory, whatever their numbers: these begin with more at once."""

import re
import time
from collections import OrderedDict
from collections.abc import Callable

import xxhash

_NUMBERS = re.compile(rb"[0-9]+")


class Needs:
    """Knows the newest `most` statements for `for_s` seconds each. A board asks the same with other times."""

    def __init__(self, *, most: int = 1_024, for_s: float = 600.0, now_s: Callable[[], float] = time.monotonic) -> None:
        self._until_s: OrderedDict[bytes, float] = OrderedDict()
        self._most, self._for_s, self._now_s = most, for_s, now_s

    def add(self, text: bytes) -> None:
        """Note that a statement needed more."""
        shape = _shape(text)
        self._until_s[shape] = self._now_s() + self._for_s
        self._until_s.move_to_end(shape)
        while len(self._until_s) > self._most:
            self._until_s.popitem(last=False)

    def __contains__(self, text: bytes) -> bool:
        return self._until_s.get(_shape(text), 0.0) > self._now_s()


def _shape(text: bytes) -> bytes:
    return xxhash.xxh3_128_digest(_NUMBERS.sub(b"0", text))
