"""A stack of its own for each measurement, in a directory that goes with it."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from clickhouse_connect.driver.client import Client

from local.broker.kafka import free_port
from schema.errors import GigawattError
from schema.kafka_settings import without_settings

_STARTS_WITHIN_S: Final = 120.0
_STORES_WITHIN_S: Final = 120.0
_ENDS_WITHIN_S: Final = 60.0


@dataclass
class Stack:
    """A running stack without a fleet; `kafka` is HOST:PORT, the others are URLs. `pids` are all that was started."""

    folder: Path
    kafka: str
    clickhouse: str
    page: str
    pids: list[int]
    _started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def produce(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a producer that publishes to this stack."""
        return self.start("produce", [sys.executable, "-m", "gigawatt", "produce", *arguments])

    def start(self, name: str, command: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start a command of ours that publishes to this stack, and logs to the file of that name."""
        process = logged(self.folder / f"{name}.log", [*command, "--to", self.kafka])
        self._started.append(process)
        self.pids.append(process.pid)
        return process

    def said(self) -> str:
        """Return the last line that a producer logged."""
        return last_line(self.folder / "produce.log")

    def stop_producers(self) -> None:
        """End what `produce` started."""
        end(self._started)


@contextmanager
def stack(workers: int, said: Callable[[str], None]) -> Iterator[Stack]:
    """Run a stack until the end of the block. Raises `GigawattError` when it does not start."""
    with tempfile.TemporaryDirectory(prefix="gigawatt-bench-") as name:
        folder = Path(name)
        ready = folder / "ready.json"
        ports = [str(free_port("127.0.0.1")) for _ in range(3)]
        said("starting a separate stack")
        command = (
            sys.executable, "-m", "gigawatt", "up", "--chips", "0", "--state", str(folder / "state"),
            "--ready-file", str(ready), "--workers", str(workers),
            "--kafka-port", ports[0], "--clickhouse-port", ports[1], "--page-port", ports[2],
        )  # fmt: skip
        up = logged(folder / "up.log", command)
        try:
            parts = _wait_for(ready, up, folder / "up.log")
            running = Stack(folder, parts["kafka"], parts["clickhouse"], parts["page"], [up.pid])
            try:
                yield running
            finally:
                running.stop_producers()
        finally:
            end([up])


def stored_samples(client: Client) -> int:
    """Return how many samples the ledger says are stored."""
    ((samples,),) = client.query("SELECT sum(samples) FROM ingest_blocks").result_rows
    return int(samples)


def wait_for_samples(client: Client) -> None:
    """Wait until the first samples are stored. Raises `GigawattError` when none come."""
    deadline = time.monotonic() + _STORES_WITHIN_S
    while not stored_samples(client):
        if time.monotonic() > deadline:
            raise GigawattError("no sample was stored; run `gigawatt up` to see why")
        time.sleep(0.2)


def logged(log: Path, command: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start a command whose output goes to a file, without the settings of this one."""
    with log.open("wb") as file:
        return subprocess.Popen(command, stdout=file, stderr=file, env=environment())  # noqa: S603  our own


def environment() -> dict[str, str]:
    """Return what a command on a stack of its own is started with: none of the settings for another."""
    return without_settings(os.environ)


def last_line(log: Path) -> str:
    """Return the last line of a log."""
    return (log.read_text("utf-8", "replace").strip().splitlines() or ["no output"])[-1]


def end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """End processes that were started here, and wait for them."""
    for process in processes:
        process.terminate()
    for process in processes:
        process.wait(_ENDS_WITHIN_S)


def _wait_for(ready: Path, up: subprocess.Popen[bytes], log: Path) -> dict[str, str]:
    deadline = time.monotonic() + _STARTS_WITHIN_S
    while not ready.exists():
        if up.poll() is not None or time.monotonic() > deadline:
            raise GigawattError(f"the stack did not start: {last_line(log)}")
        time.sleep(0.1)
    parts: dict[str, str] = json.loads(ready.read_text())
    return parts
