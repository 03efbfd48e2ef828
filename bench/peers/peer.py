"""What a peer is, and the programs that it is made of."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.load import Load
from bench.stack import end, last_line, logged
from schema.errors import GigawattError

_STARTS_WITHIN_S: Final = 120.0


@dataclass
class Running:
    """A peer at work. `pids` are its processes by role; `samples` says how many samples each role has had so far."""

    folder: Path
    pids: dict[str, int] = field(default_factory=dict)
    samples: Callable[[], Mapping[str, int]] = dict
    power_w: Callable[[], float | None] = lambda: None
    """What it says that the fleet draws, if it is asked."""
    values_per_sample: float | None = None
    _started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, name: str, command: Sequence[str], *, counts: bool = True) -> subprocess.Popen[bytes]:
        """Start one of its programs; what `counts` is a role of that name."""
        process = logged(self.folder / f"{name}.log", command)
        self._started.append(process)
        if counts:
            self.pids[name] = process.pid
        return process

    def wait_for(self, what: str, is_there: Callable[[], object]) -> None:
        """Wait until it is there. Raises `GigawattError` when a program ended, or it takes too long."""
        deadline = time.monotonic() + _STARTS_WITHIN_S
        while not is_there():
            ended = any(process.poll() is not None for process in self._started)
            if ended or time.monotonic() > deadline:
                said = "; ".join(f"{path.name}: {last_line(path)}" for path in sorted(self.folder.glob("*.log")))
                raise GigawattError(f"{what} did not start ({said})")
            time.sleep(0.2)

    def stop(self) -> None:
        """End its programs, the last that was started first."""
        for process in reversed(self._started):
            end([process])


@dataclass(frozen=True)
class Peer:
    """One peer: its name, in a few words what is run, why it cannot be here ("" where it can), and how it is run."""

    name: str
    what: str
    missing: Callable[[], str]
    version: Callable[[], str]
    run: Callable[[Load], AbstractContextManager[Running]]


@contextmanager
def of_its_own() -> Iterator[Running]:
    """Give what a peer runs in: a directory that goes with it, and programs that end with it."""
    with tempfile.TemporaryDirectory(prefix="gigawatt-bench-") as name:
        running = Running(Path(name))
        try:
            yield running
        finally:
            running.stop()


def program(variable: str, *names: str, beside: str | None = None) -> str | None:
    """Find a program: what the variable names, else by its name beside another one, else on the path."""
    if named := os.environ.get(variable):
        return named if os.access(named, os.X_OK) else None
    places = [str(Path(beside).parent)] if beside else []
    found = (shutil.which(name, path=place) for place in (*places, None) for name in names)
    return next((path for path in found if path), None)


def said_version(path: str, flag: str) -> str:
    """Return the first line that a program says of its version."""
    done = subprocess.run([path, flag], capture_output=True, text=True, timeout=30, check=False)  # noqa: S603
    lines = (done.stdout or done.stderr).strip().splitlines()
    return lines[0].partition(" (")[0][:200] if lines else "it does not say its version"
