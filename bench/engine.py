"""A ClickHouse engine of its own for a measurement, with the current schema, in a directory that goes with it."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import psutil

from bench.stack import last_line
from local.broker.kafka import free_port
from schema.clickhouse import connect
from schema.errors import GigawattError
from schema.migrate import upgrade

_STARTS_WITHIN_S: Final = 60.0
_ENDS_WITHIN_S: Final = 60.0


class Engine(NamedTuple):
    """A running engine."""

    url: str
    process: psutil.Process

    def cpu_s(self) -> float:
        """Return the CPU seconds that it used so far."""
        times = self.process.cpu_times()
        return times.user + times.system


@contextmanager
def engine() -> Iterator[Engine]:
    """Run an engine until the end of the block. Raises `GigawattError` when it does not start."""
    with tempfile.TemporaryDirectory(prefix="gigawatt-bench-") as name:
        log, port = Path(name) / "engine.log", free_port("127.0.0.1")
        with log.open("wb") as file:
            process = subprocess.Popen(  # noqa: S603  our own command
                [sys.executable, "-m", "local.clickhouse", "--path", f"{name}/data", "--port", str(port)],
                stdout=file,
                stderr=file,
            )
        try:
            _wait_for(process, log)
            url = f"http://127.0.0.1:{port}"
            with connect(url, database=None) as client:
                upgrade(client)
            yield Engine(url, psutil.Process(process.pid))
        finally:
            process.terminate()
            process.wait(_ENDS_WITHIN_S)


def _wait_for(process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _STARTS_WITHIN_S
    while "ready" not in log.read_text("utf-8", "replace"):
        if process.poll() is not None or time.monotonic() > deadline:
            raise GigawattError(f"the engine did not start: {last_line(log)}")
        time.sleep(0.05)
