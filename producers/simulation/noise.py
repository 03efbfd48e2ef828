"""Noise for a million chips a second: tables drawn once, read at an offset that moves with time.

A chip's noise at a time is the table at (offset + the chip's index), where the offset is a hash of what is
asked for. It therefore depends on seed, pool, chip and time, and not on how chips are cut into batches;
reading it copies nothing.
"""

import functools
from typing import Final

import numpy as np
import numpy.typing as npt
import xxhash

Floats32 = npt.NDArray[np.float32]

SIZE: Final = 1_008_000
"""How many chips have noise of their own: a multiple of 4, 8, 12 and 16, which hosts carry."""
_THROTTLED_SHARE: Final = 5e-4


def hash_of(key: str, seed: int = 0) -> int:
    """Return 64 bits that depend on the text and the seed alone, today and on any machine."""
    return xxhash.xxh64_intdigest(key.encode(), seed & (2**64 - 1))


class Noise:
    """Tables of noise by seed; every reading is of `count` (at most `longest`) chips from index `start` on.

    `key` names the draw: equal keys give equal noise.
    """

    def __init__(self, seed: int, longest: int) -> None:
        if longest > SIZE:
            raise ValueError(f"noise for {longest} chips at once, of {SIZE}")
        self._seed = seed
        self._longest = longest

    def normal(self, key: str, start: int, count: int, together: int = 1) -> Floats32:
        """Return float32 [count], mean 0 and deviation 1, alike for each `together` chips from index 0 on."""
        at = self._at(key, start, together)
        return self._normals(together)[at : at + count]

    def uniform(self, key: str, start: int, count: int, together: int = 1) -> Floats32:
        """Return float32 [count] in 0..1, alike for each `together` chips from index 0 on."""
        at = self._at(key, start, together)
        return self._uniforms(together)[at : at + count]

    def throttle(self, key: str, start: int, count: int) -> npt.NDArray[np.uint8]:
        """Return uint8 [count] of throttle bits as the contract has them, nearly all 0."""
        at = self._at(key, start, 1)
        return self._throttles()[at : at + count]

    def _at(self, key: str, start: int, together: int) -> int:
        offset = hash_of(key, self._seed)
        return int((offset // together * together + start) % SIZE)

    @functools.cache  # noqa: B019  a source keeps one, to its end
    def _normals(self, together: int) -> Floats32:
        values = self._generator("normal", together).standard_normal(SIZE // together, np.float32)
        return self._table(np.repeat(values, together))

    @functools.cache  # noqa: B019
    def _uniforms(self, together: int) -> Floats32:
        values = self._generator("uniform", together).random(SIZE // together, np.float32)
        return self._table(np.repeat(values, together))

    @functools.cache  # noqa: B019
    def _throttles(self) -> npt.NDArray[np.uint8]:
        generator = self._generator("throttle", 1)
        bits = generator.choice(np.array([1, 2, 4, 8], np.uint8), SIZE, p=[0.8, 0.15, 0.03, 0.02])
        bits[generator.random(SIZE) >= _THROTTLED_SHARE] = 0
        return np.concatenate([bits, bits[: self._longest]])

    def _generator(self, kind: str, together: int) -> np.random.Generator:
        return np.random.default_rng([abs(self._seed), hash_of(kind), together])

    def _table(self, values: Floats32) -> Floats32:
        return np.concatenate([values, values[: self._longest]])
