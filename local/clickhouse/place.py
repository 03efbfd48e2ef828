"""What the front holds while it runs: its data directory, for itself and its owner alone, and its listener."""

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from schema.errors import GigawattError
from schema.passwords import LOCK

DATA: Final = "engine"
"""The folder in which the engine keeps its data."""
SCRATCH: Final = "scratch"
"""The folder for what lives shortly; these two are all that the engine's process may write."""
CONFIG: Final = "engine.xml"
"""The file that the engine reads at its start."""
_LOCK_TRIES, _LOCK_AGAIN_S = 5, 0.05


class NotOpenedError(GigawattError):
    """The engine cannot open its directory, now or ever."""


@contextmanager
def owned(path: Path) -> Iterator[None]:
    """Hold a data directory until the block ends. Raises GigawattError when it cannot be had."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o700)
        for folder in (DATA, SCRATCH):
            (path / folder).mkdir(exist_ok=True)
        (path / CONFIG).touch()
        lock = (path / LOCK).open("w")
    except OSError as error:
        raise GigawattError(f"cannot write to {path} ({error.strerror}); choose another data directory") from None
    if "?" in str(path):
        raise GigawattError(f"the engine cannot open {path} (its path has a ?); choose another data directory")
    with lock:
        if not _locked(lock.fileno()):
            raise GigawattError(f"{path} is in use by another process; stop that process, or choose another directory")
        yield


def _locked(descriptor: int) -> bool:
    """Lock a file, or say that it cannot be: a command that looks for the password holds it for a moment."""
    for _ in range(_LOCK_TRIES):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_LOCK_AGAIN_S)
        else:
            return True
    return False


def listening(host: str, port: int) -> socket.socket:
    """Listen, until the socket is closed. Raises GigawattError when the address cannot be had."""
    try:
        return socket.create_server((host, port), family=_family(host), backlog=256)
    except OSError as error:
        # The standard library adds the address to `strerror`; a name that does not resolve has no errno.
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        raise GigawattError(
            f"cannot listen on {host}:{port} ({reason}): stop the process that uses it, or choose another port"
        ) from None


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def handed_over(descriptor: int) -> socket.socket:
    """Take over a socket that listens already: who handed it over keeps the port. Raises GigawattError for another."""
    try:
        listener = socket.socket(fileno=descriptor)
        listens = listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as error:
        raise GigawattError(f"file descriptor {descriptor} is not a socket ({error.strerror})") from None
    if not listens:
        listener.close()
        raise GigawattError(f"file descriptor {descriptor} is a socket that does not listen")
    return listener
