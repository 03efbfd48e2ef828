"""How far the spool has got: one file of two slots, overwritten in turn, so that one of them is always whole."""

import json
import os
import struct
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import xxhash

_SLOT_BYTES: Final = 1 << 15
_HEAD: Final = struct.Struct("<QIQ")  # how often written, bytes, checksum
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


@dataclass
class Mark:
    """What a spool knows besides its records.

    All before number `low` are settled: delivered, or dropped. None after `handed` was given to a Kafka client, unless
    the machine was started again since. Those handed went to the topic of `log_id` by its number of `partitions`, the
    last of the list or one before it; in each, what is not settled lies at the offset that `places` says or after it.
    `ahead_ms` is how far the broker's clock is ahead of ours, None where the topic does not have its times. Since the
    spool was made, `dropped` counts samples by reason, and `damaged` the messages that could not be read; `gone` and
    `noted` are files of which the samples are counted as dropped, and those of which the damage is.
    """

    identity: str
    low: int = 0
    handed: int = 0
    log_id: str = ""
    partitions: list[int] = field(default_factory=list)
    places: dict[int, int] = field(default_factory=dict)
    ahead_ms: int | None = None
    boot: str = ""
    closed: bool = False
    dropped: dict[str, int] = field(default_factory=dict)
    damaged: int = 0
    gone: list[int] = field(default_factory=list)
    noted: list[int] = field(default_factory=list)

    def goes_to(self, log_id: str, partitions: int, *, anew: bool) -> bool:
        """Note where the next messages go, only there if `anew`; say whether that is something new."""
        if (log_id, [partitions]) == (self.log_id, self.partitions[-1:]):
            return False
        if log_id != self.log_id:
            self.places = {}
        before = [] if anew else [one for one in self.partitions if one != partitions]
        self.log_id, self.partitions = log_id, [*before, partitions]
        return True

    def lies_after(self, offsets: dict[int, int]) -> None:
        """Note that what is not settled lies at these offsets or after them, by partition."""
        for partition, offset in offsets.items():
            self.places[partition] = max(self.places.get(partition, 0), offset)


def boot_id(path: Path = _BOOT_ID) -> str:
    """Return what tells one start of this machine from the next; empty where nothing does."""
    with suppress(OSError):
        return path.read_text("ascii").strip()
    return ""


class MarkFile:
    """The file of the mark. It has its full size from the beginning, so that a full disk does not stop it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = -1
        self._written = 0

    def load(self) -> Mark | None:
        """Return what was written last; None when there is nothing whole. Raises `OSError` when it cannot be read."""
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return None
        slots = [slot for at in (0, _SLOT_BYTES) if (slot := _slot(data, at)) is not None]
        if not slots:
            return None
        self._written, mark = max(slots, key=lambda slot: slot[0])
        return mark

    def write(self, mark: Mark) -> None:
        """Put it in place of the one before the last. Raises `OSError`."""
        if self._fd < 0:
            self._open()
        text = json.dumps(vars(mark)).encode()
        if len(text) > _SLOT_BYTES - _HEAD.size:  # thousands of partitions: they are found by time then
            text = json.dumps({**vars(mark), "places": {}}).encode()
        number = self._written + 1
        slot = _HEAD.pack(number, len(text), xxhash.xxh3_64_intdigest(text, number)) + text
        if os.pwrite(self._fd, slot, number % 2 * _SLOT_BYTES) != len(slot):
            raise OSError("the mark was written in part")
        self._written = number

    def sync(self) -> None:
        """Wait until the disk has it. Raises `OSError`."""
        if self._fd >= 0:
            os.fdatasync(self._fd)

    def close(self) -> None:
        """Let go of the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _open(self) -> None:
        self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(self._fd, 0, 2 * _SLOT_BYTES)
        except OSError:
            self.close()
            raise


def _slot(data: bytes, at: int) -> tuple[int, Mark] | None:
    """Return how often it was written, and the mark; None for a slot that is not whole."""
    if len(data) < at + _HEAD.size:
        return None
    number, length, checksum = _HEAD.unpack_from(data, at)
    text = data[at + _HEAD.size : at + _HEAD.size + length]
    if len(text) != length or not number or xxhash.xxh3_64_intdigest(text, number) != checksum:
        return None
    try:
        read: dict[str, Any] = json.loads(text)
        read["places"] = {int(partition): int(offset) for partition, offset in read["places"].items()}
        return number, Mark(**read)
    except (ValueError, TypeError, KeyError, AttributeError):  # of another version of this program
        return None
