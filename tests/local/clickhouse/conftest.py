"""The real front in a real process, and the ordinary client."""

import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import clickhouse_connect
import pytest
import urllib3
from clickhouse_connect.driver.client import Client

from schema.passwords import password_of
from tests.engine import OLDEST, environment

READY = re.compile(r"clickhouse ready on 127\.0\.0\.1:(\d+)")


@dataclass
class Front:
    """A running front on its data directory."""

    process: subprocess.Popen[str]
    path: Path
    port: int

    @property
    def owner(self) -> dict[str, str]:
        """User and password of who may do everything."""
        return {"user": "default", "password": password_of(self.path)}

    def client(self, **options: Any) -> Client:
        """Open the ordinary client, as the owner unless it names another user."""
        if "username" not in options:
            options |= {"username": "default", "password": password_of(self.path)}
        return clickhouse_connect.get_client(host="127.0.0.1", port=self.port, **options)

    def ask(self, body: bytes | str = b"", *, method: str = "POST", headers: Any = None, **params: str) -> Any:
        """Send one plain HTTP request, as the owner unless it names a user."""
        who = {} if "user" in params else self.owner
        return self.raw(body, method=method, headers=headers, **who, **params)

    def raw(self, body: bytes | str = b"", *, method: str = "POST", headers: Any = None, **params: str) -> Any:
        """Send one plain HTTP request with these parameters and no others."""
        url = f"http://127.0.0.1:{self.port}/?{urlencode(params)}"
        return urllib3.request(method, url, body=body, headers=headers, retries=False, timeout=60)

    def fetch(self, path: str) -> Any:
        """Get a path."""
        return urllib3.request("GET", f"http://127.0.0.1:{self.port}/{path}", retries=False, timeout=60)

    @contextmanager
    def hanging(self, sql: str, **params: str) -> Iterator[None]:
        """Send a query, as the owner unless it names a user, and go away at the end without its answer."""
        target = f"/?{urlencode(params or self.owner)}"
        head = f"POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(sql)}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            connection.sendall((head + sql).encode())
            yield

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End the process by a signal and give its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(timeout=60)
        if self.process.stderr:
            self.process.stderr.close()
        return code


def launch(path: Path, *options: str, oldest: bool = False, passes: tuple[int, ...] = ()) -> subprocess.Popen[str]:
    """Start the command on a free port without waiting for it.

    The `oldest` engine is ClickHouse 25.8. `passes` are file descriptors that it has, too.
    """
    command = [sys.executable, "-m", "local.clickhouse", "--path", str(path), "--port", "0", *options]
    # A time zone of the machine that is not UTC must not show.
    env = environment(oldest=oldest) | {"TZ": "America/New_York"}
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=env, pass_fds=passes)


def start(path: Path, *options: str, oldest: bool = False) -> Front:
    """Start the command and wait for its ready line."""
    process = launch(path, *options, oldest=oldest)
    assert process.stderr
    line = process.stderr.readline()
    match = READY.match(line)
    assert match, line
    return Front(process, path, int(match[1]))


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for a condition, which must come true in time."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline
        pause.wait(0.02)


@pytest.fixture(scope="session")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """Run one front for all tests that do not end it."""
    running = start(tmp_path_factory.mktemp("clickhouse") / "data")
    yield running
    running.stop()


@pytest.fixture(scope="session")
def oldest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """Run one front on ClickHouse 25.8 for all tests that do not end it."""
    if not OLDEST.exists():
        pytest.skip("no ClickHouse 25.8 here: `make test` fetches it")
    running = start(tmp_path_factory.mktemp("oldest") / "data", oldest=True)
    yield running
    running.stop()


@pytest.fixture(params=["newest", "oldest"])
def either(request: pytest.FixtureRequest) -> Front:
    """Give a front on the newest engine, then one on ClickHouse 25.8."""
    found: Front = request.getfixturevalue("front" if request.param == "newest" else "oldest")
    return found


@pytest.fixture
def client(front: Front) -> Iterator[Client]:
    """Open the ordinary client on the shared front."""
    with front.client() as opened:
        yield opened


@pytest.fixture
def table(client: Client, request: pytest.FixtureRequest) -> Iterator[str]:
    """Make an empty table of `a UInt64, b String` that remembers deduplication tokens."""
    name = re.sub(r"\W", "_", request.node.name)
    client.command(
        f"CREATE TABLE {name} (a UInt64, b String) ENGINE = MergeTree ORDER BY a "
        "SETTINGS non_replicated_deduplication_window = 1000"
    )
    yield name
    client.command(f"DROP TABLE {name} SYNC")


@pytest.fixture
def fronts() -> Iterator[Callable[..., Front]]:
    """Start fronts of one's own; those that still run are ended after the test."""
    started: list[Front] = []

    def begin(path: Path, *options: str) -> Front:
        started.append(start(path, *options))
        return started[-1]

    yield begin
    for running in started:
        running.stop()
