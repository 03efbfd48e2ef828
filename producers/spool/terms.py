"""The words of the spool: why samples are dropped, how much may wait, and what is in doubt."""

import functools
from dataclasses import dataclass
from typing import Final

from kafka.partitioner.default import murmur2

from schema.errors import GigawattError

HEADER: Final = "gigawatt-spool"
"""The header that numbers a message: the spool's identity, a colon, and the number."""

FULL, OLD, MEMORY, DAMAGED, UNKNOWN = "spool_full", "spool_age", "memory_full", "damaged", "unknown"
LARGE, REJECTED, STOPPED = "too_large", "rejected_by_broker", "stopped"
"""The reasons for which samples are dropped."""


@dataclass(frozen=True)
class Doubt:
    """A message that may have arrived: its number, the identity in its header, its key, and when it was taken."""

    number: int
    identity: str
    key: bytes
    time_ms: int


class NoRightError(GigawattError):
    """The producer may not read the topic."""


@dataclass(frozen=True)
class Seen:
    """What was found: place of each message that arrived, and the numbers of which it cannot be known."""

    arrived: dict[int, tuple[int, int]]
    unknown: frozenset[int] = frozenset()


def header_value(identity: str, number: int) -> bytes:
    """Return what the header holds."""
    return f"{identity}:{number}".encode()


def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition of a key as Kafka's clients choose it."""
    return _hash(key) % partitions


@functools.lru_cache(maxsize=2**16)
def _hash(key: bytes) -> int:
    """Return the hash of a key, which takes 8 microseconds, and is of the same host again."""
    return int(murmur2(key)) & 0x7FFFFFFF
