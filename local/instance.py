"""At most one running stack for each state directory."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from schema.errors import GigawattError


@contextmanager
def only_one(state: Path) -> Iterator[None]:
    """Hold `state` until the block ends or the process dies; GigawattError when another holds it.

    The kernel drops the lock with the process, however it dies; the file itself stays.
    """
    state.mkdir(parents=True, exist_ok=True)
    with (state / "lock").open("a+") as lock:
        lock.seek(0)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            pid = lock.read().strip() or "unknown"
            raise GigawattError(
                f"gigawatt up is already running on {state} (pid {pid}); stop it, or choose another --state"
            ) from error
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield
