"""How much a spool holds. Apart, for every `gigawatt produce --help` reads it, and it needs no Kafka client."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Bounds:
    """How much waits at most: bytes on disk, seconds, and bytes in memory while the disk takes nothing."""

    disk_bytes: int = 512 * 2**20
    age_s: float = 72 * 3600.0
    memory_bytes: int = 64 * 2**20


DEFAULT_BOUNDS: Final = Bounds()
