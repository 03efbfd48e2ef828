"""Whatever is sent to the ClickHouse front: it lives, shows no secret, touches no file; a reader changes nothing."""

import gzip
import hashlib
import os
import re
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil
import pytest

from schema.passwords import password_of
from tests.fuzz.requests import Known, Sent, requests, token_of
from tests.fuzz.timed import Fuzzer, say
from tests.local.clickhouse.conftest import READY, Front, wait_until

ROOT: Final = Path(__file__).parent.parent.parent
SECRET: Final = "what-stands-in-another-file"  # noqa: S105  what is looked for
_ANSWERS_WITHIN_S: Final = 20.0
_READ_WITHIN_S: Final = 5.0
_WAITED_S: Final = 0.3
_MOST_LOGGED: Final = 20_000
_MOST_READ: Final = 4 << 20
_MOST_BYTES: Final = 2_500_000_000
_STATE: Final = """
SELECT (SELECT count() FROM kept), (SELECT sum(cityHash64(*)) FROM kept), groupArray((database, name, uuid)) FROM (
    SELECT database, name, uuid FROM system.tables WHERE lower(database) NOT IN ('system', 'information_schema')
    ORDER BY ALL
)
"""
_ERROR: Final = re.compile(rb"\AHTTP/1\.1 500 ")


@dataclass
class Fuzzed:
    """A front, all files beside its data, and what it held when somebody who may write was here last."""

    front: Front
    place: Path
    password: str
    log: Path
    files: dict[str, str] = field(default_factory=dict)
    state: bytes = b""
    slowest_s: float = 0.0
    last: Sent | None = None
    statuses: Counter[str] = field(default_factory=Counter)

    def check(self, sent: Sent) -> None:
        """Send a request, and look at its answer and at what it left behind."""
        self.last = sent
        answer = self.answer(sent)
        self.statuses[answer[9:12].decode("ascii", "replace") or "none"] += 1
        assert SECRET.encode() not in answer
        assert self.password.encode() not in answer
        assert not _ERROR.match(answer) or b"X-ClickHouse-Exception-Code" in answer, answer[:500]
        assert self.front.process.poll() is None
        assert self.log.stat().st_size < _MOST_LOGGED, self.log.read_text()[-5_000:]
        if sent.who == "owner":
            self.begin()
        else:
            assert self.owner(_STATE) == self.state
        assert self.files_now() == self.files
        assert psutil.Process(self.front.process.pid).memory_info().rss < _MOST_BYTES

    def begin(self) -> None:
        """Bring back what the owner may have dropped, and remember it."""
        self.owner("CREATE DATABASE IF NOT EXISTS local")
        self.owner("CREATE TABLE IF NOT EXISTS kept (word String) ENGINE = MergeTree ORDER BY word")
        self.owner("CREATE TABLE IF NOT EXISTS t (x String) ENGINE = Memory")
        if self.owner("SELECT count() FROM kept") == b"0\n":
            self.owner("INSERT INTO kept SELECT 'a word'")
        self.state = self.owner(_STATE)
        self.files = self.files_now()

    def owner(self, sql: str) -> bytes:
        """Ask as the owner, who is answered in time; a machine that others use as well may need a second attempt."""
        for last in (False, True):
            began = time.monotonic()
            answer = self.front.ask(sql, max_execution_time="60")
            took = time.monotonic() - began
            self.slowest_s = max(self.slowest_s, took)
            if took >= _ANSWERS_WITHIN_S:
                say(f"front: the owner waited {took:.1f} s for {sql[:60]!r} after {self.last!r}")
            if took < _ANSWERS_WITHIN_S or last:
                assert took < _ANSWERS_WITHIN_S, f"the owner waited {took:.1f} s twice"
                break
        return answer.data if answer.status == 200 else b"failed: " + answer.data

    def files_now(self) -> dict[str, str]:
        """Return what each file holds, without the engine's own."""
        data = self.front.path
        found = [path for path in self.place.rglob("*") if not path.is_relative_to(data)]
        found += [path for path in data.iterdir() if path.name not in {"engine", "scratch"}]
        return {
            str(path): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "a folder" for path in found
        }

    def answer(self, sent: Sent) -> bytes:
        """Return all that comes back."""
        answer = b""
        address, end = ("127.0.0.1", self.front.port), time.monotonic() + _READ_WITHIN_S
        with suppress(OSError), socket.create_connection(address, timeout=_READ_WITHIN_S) as connection:
            connection.sendall(sent.raw)
            if sent.waits:
                connection.settimeout(_WAITED_S)
            while time.monotonic() < end and len(answer) < _MOST_READ and (part := connection.recv(1 << 16)):
                answer += part
        head, _, body = answer.partition(b"\r\n\r\n")
        if b"Content-Encoding: gzip" in head:
            with suppress(OSError, EOFError):
                answer += gzip.decompress(body)
        return answer


@pytest.fixture
def fuzzed(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzed]:
    """Run a front in an empty folder, with a secret in a folder beside its data."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "work").mkdir()
    (tmp_path / "outside" / "secret").write_text(SECRET)
    command = [sys.executable, "-m", "local.clickhouse", "--path", str(tmp_path / "data"), "--port", "0"]
    environ = os.environ | {"PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(tmp_path / "home")}
    log = tmp_path_factory.mktemp("log") / "clickhouse"
    with log.open("w") as to:
        process = subprocess.Popen(
            [*command, "--memory-mb", "1000"], stderr=to, text=True, cwd=tmp_path / "work", env=environ
        )
    wait_until(lambda: READY.match(log.read_text()) is not None, 30)
    (port,) = READY.findall(log.read_text())
    front = Front(process, tmp_path / "data", int(port))
    one = Fuzzed(front, tmp_path, password_of(tmp_path / "data"), log)
    one.begin()
    yield one
    front.stop()
    logged = log.read_text()
    assert not any(word in logged for word in (SECRET, one.password, token_of(one.password), "Traceback"))


def test_requests(fuzzed: Fuzzed):
    """The owner is answered all the while."""
    tables = fuzzed.owner("SELECT name FROM system.table_functions").decode().split()
    scalars = fuzzed.owner("SELECT name FROM system.functions").decode().split()
    known = Known(
        tuple(tables),
        # What only waits, or fails on purpose, would take the fuzzer's own time.
        tuple(name for name in scalars if not name.startswith("sleep")),
        str(fuzzed.place / "outside" / "secret"),
        str(fuzzed.front.path / "password"),
    )

    def front(sent: Sent) -> None:
        fuzzed.check(sent)

    Fuzzer(front).run(requests(known, fuzzed.password))
    statuses = ", ".join(f"{count:,} {status}" for status, count in fuzzed.statuses.most_common())
    say(f"front: the owner waited {fuzzed.slowest_s:.2f} s at most; answers: {statuses}")
