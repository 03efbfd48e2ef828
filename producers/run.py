"""Run a command to its end within bounds of time and output, and leave nothing of it behind."""

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Final

from producers.child import signal_group
from producers.source import SourceError

MOST_BYTES: Final = 4 * 2**20
"""Of what a command prints; amd-smi says of sixteen GPUs less than 100 KB."""
_CHUNK_BYTES: Final = 1 << 16
_LAST_BYTES: Final = 1 << 14
_LOOK_S: Final = 0.1


@dataclass(frozen=True)
class Done:
    """How a command ended: its output, the end of what it printed as errors, its exit status."""

    output: str
    errors: str
    status: int


def run(name: str, command: Sequence[str], *, within_s: float, most_bytes: int = MOST_BYTES) -> Done:
    """Run it without a shell and without input, in a group of its own that is gone afterwards; errors call it `name`.

    Raises `SourceError` when it cannot be run, does not end in time, or prints more than `most_bytes`.
    """
    try:
        process = subprocess.Popen(  # noqa: S603  the operator's own command
            [*command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        )
    except OSError as error:
        raise SourceError(f"cannot run {name}: {error.strerror or error}") from error
    try:
        output, errors = _read(process, name, time.monotonic() + within_s, within_s, most_bytes)
    finally:
        signal_group(process.pid, signal.SIGKILL)  # what it started may still hold its pipes
        status = process.wait()
        for pipe in (process.stdout, process.stderr):
            with contextlib.suppress(OSError):
                pipe.close()  # type: ignore[union-attr]  # both were asked for
    return Done(output.decode("utf-8", "replace"), errors.decode("utf-8", "replace"), status)


def _read(
    process: subprocess.Popen[bytes], name: str, until_s: float, within_s: float, most_bytes: int
) -> tuple[bytearray, bytearray]:
    """Return output and errors once it has ended, whatever of its children may hold on to its pipes."""
    output, errors = bytearray(), bytearray()
    with selectors.DefaultSelector() as waiting:
        for pipe, into in ((process.stdout, output), (process.stderr, errors)):
            waiting.register(pipe, selectors.EVENT_READ, into)  # type: ignore[arg-type]  # both were asked for
        while waiting.get_map() or process.poll() is None:
            if time.monotonic() > until_s:
                raise SourceError(f"{name} did not finish within {within_s:g} s")
            ended = process.poll() is not None
            ready = waiting.select(_LOOK_S)
            if ended and not ready:
                break
            for key, _ in ready:
                _take(waiting, key.fileobj, key.data)  # type: ignore[arg-type]  # a pipe
            if len(output) > most_bytes:
                raise SourceError(
                    f"{name} printed more than {most_bytes / 2**20:g} MiB; check whether it is the right command"
                )
            del errors[:-_LAST_BYTES]
    return output, errors


def _take(waiting: selectors.BaseSelector, pipe: IO[bytes], into: bytearray) -> None:
    if chunk := os.read(pipe.fileno(), _CHUNK_BYTES):
        into += chunk
    else:
        waiting.unregister(pipe)
