"""Opening a spool's directory: for one process at a time, with what an earlier one left behind."""

import fcntl
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from producers.spool.mark import Mark, MarkFile, boot_id
from producers.spool.record import IDENTITY_BYTES
from producers.spool.segment import DAMAGED_SUFFIX, SUFFIX, Segment, load
from schema.errors import GigawattError

_RUN_BITS = 32
"""Each process numbers its messages in a block of its own, so that none is ever given twice, even if files are lost."""
_SET_ASIDE = 4


@dataclass
class Opened:
    """What was found: the files with something that waits, oldest first; `next_number` is above all ever given.

    The directory is another process's once `lock_fd` is closed.
    """

    lock_fd: int
    mark_file: MarkFile
    mark: Mark
    segments: list[Segment]
    next_number: int
    damaged: int


def lock(directory: Path) -> int:
    """Take the directory for this process; return what holds it. Raises `GigawattError` when another has it."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        held = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise GigawattError(f"spool {directory} cannot be used: {error.strerror}; choose another directory") from error
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(held)
        raise GigawattError(
            f"spool {directory} is in use by another producer; use one directory per producer, or stop the other one"
        ) from error
    return held


def read(directory: Path, boot: str | None = None) -> Opened:
    """Take the directory and read what is there. Raises `GigawattError` when another has it, or it cannot be used."""
    held = lock(directory)
    try:
        return _read(directory, held, boot_id() if boot is None else boot)
    except OSError as error:
        os.close(held)
        raise GigawattError(f"spool {directory} cannot be read: {error.strerror}") from error


def _read(directory: Path, held: int, boot: str) -> Opened:
    mark_file = MarkFile(directory / "mark")
    found = mark_file.load()
    mark = found or Mark(secrets.token_hex(IDENTITY_BYTES))
    segments, damaged = _segments(directory, mark, known=found is not None)
    waiting = [segment for segment in segments if segment.pending]
    highest = max([mark.low, mark.handed, *(max(segment.last, segment.first) for segment in segments)])
    # Without a mark, or after a power cut that may have taken its latest, any record may have been handed over.
    if waiting and (found is None or not (mark.closed or (boot and mark.boot == boot))):
        mark.handed = highest
    if not waiting:
        mark.low = highest + 1
    mark.boot, mark.closed, mark.gone = boot, False, []
    mark.damaged += damaged
    mark.noted = [segment.first for segment in waiting if segment.damaged]
    next_number = ((highest >> _RUN_BITS) + 1) << _RUN_BITS
    return Opened(held, mark_file, mark, waiting, next_number, damaged)


def _segments(directory: Path, mark: Mark, *, known: bool) -> tuple[list[Segment], int]:
    """Return the files of this spool, and how many of their records cannot be read that no process counted before.

    What has nothing left is removed. Where the mark is `known`, the file of another spool is set aside as one that
    cannot be read.
    """
    kept: list[Segment] = []
    damaged = 0
    for path in sorted(directory.glob(f"*{SUFFIX}")):
        try:
            segment = load(path, mark.low)
        except OSError:
            damaged += 1  # it stays where it is: another start may be luckier
            continue
        if segment.first in mark.gone:
            with suppress(OSError):
                path.unlink()
            continue
        if known and segment.identity and segment.identity.hex() != mark.identity:
            segment.damaged, segment.pending = segment.damaged + segment.pending, 0
        else:
            kept.append(segment)
        damaged += segment.damaged if segment.first not in mark.noted else 0
        if not segment.pending:
            segment.remove()
    for path in sorted(directory.glob(f"*{DAMAGED_SUFFIX}"))[:-_SET_ASIDE]:
        with suppress(OSError):
            path.unlink()
    return kept, damaged
