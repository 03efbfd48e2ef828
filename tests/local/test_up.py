"""The real command on free ports: what `gigawatt up` promises to whoever starts it."""

import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
import urllib3

from local.stack import Plan
from local.up import bypass_proxy, require_ports
from schema.clickhouse import connect
from schema.errors import GigawattError
from tests.gigawatt.running import gigawatt

LONGEST_S = 240
LIVE = r"live after ([\d.]+) s"


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on now, all different."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in sockets]


@dataclass
class Up:
    """A running `gigawatt up` and what it says."""

    state: Path
    ports: list[int] = field(default_factory=lambda: free_ports(3))

    def __post_init__(self):
        self.ready_file = self.state.with_suffix(".ready.json")
        self.said = self.state.with_suffix(".said")
        kafka, clickhouse, page = map(str, self.ports)
        self.argv = [
            *(sys.executable, "-m", "gigawatt", "up", "--chips", "300", "--state", str(self.state)),
            *("--kafka-port", kafka, "--clickhouse-port", clickhouse, "--page-port", page),
            *("--ready-file", str(self.ready_file)),
        ]

    def start(self, *options: str):
        with self.said.open("w") as said:
            self.process = subprocess.Popen([*self.argv, *options], stderr=said)

    def end(self) -> int:
        """Stop it and give its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=LONGEST_S)

    def until(self, condition: Callable[[], Any]) -> Any:
        """Wait for a condition, as long as the stack runs."""
        deadline = time.monotonic() + LONGEST_S
        while not (answer := condition()):
            assert self.process.poll() is None, self.said.read_text()
            assert time.monotonic() < deadline, self.said.read_text()
            time.sleep(0.05)
        return answer

    def until_said(self, pattern: str) -> re.Match[str]:
        return self.until(lambda: re.search(pattern, self.said.read_text()))

    def get(self, path: str):
        return urllib3.request("GET", f"http://127.0.0.1:{self.ports[2]}{path}", retries=False, timeout=60)

    @property
    def clickhouse(self) -> str:
        return f"http://127.0.0.1:{self.ports[1]}"


def test_proxy_is_bypassed_on_loopback_only():
    """A machine's proxy stays for the rest; who goes without any proxy stays so."""
    some, none = {"NO_PROXY": "example.org"}, {"no_proxy": "*"}
    bypass_proxy(some)
    bypass_proxy(none)

    assert some["no_proxy"] == some["NO_PROXY"] == "example.org,127.0.0.1,localhost"
    assert none == {"no_proxy": "*"}


def test_two_ports_alike_are_refused(tmp_path: Path):
    """Three parts need three ports."""
    with pytest.raises(GigawattError, match="three different ports"):
        require_ports(Plan(tmp_path, kafka_port=4000, page_port=4000))


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """Start a stack for the first time; the tests below go through its life in order."""
    running = Up(tmp_path_factory.mktemp("up") / "state")
    running.start()
    yield running
    if running.process.poll() is None:
        running.end()


def test_ready_file_names_addresses(up: Up):
    """The ready file holds what GIGAWATT_KAFKA and GIGAWATT_CLICKHOUSE take, and the page's address."""
    addresses = json.loads(up.until(lambda: up.ready_file.exists() and up.ready_file.read_text()))

    kafka, clickhouse, page = up.ports
    expected = {
        "kafka": f"127.0.0.1:{kafka}",
        "clickhouse": f"http://127.0.0.1:{clickhouse}",
        "page": f"http://127.0.0.1:{page}",
    }
    assert expected == addresses
    with socket.create_connection(("127.0.0.1", kafka), timeout=60):
        pass


def test_what_it_writes_is_its_owner_s_alone(up: Up):
    """Data, logs, password and ready file; nobody else may enter the state directory."""
    up.until(up.ready_file.exists)
    written = [up.ready_file, up.state, *up.state.rglob("*")]
    # A file of the broker may be gone by now.
    modes = {path: path.stat().st_mode for path in written if path.exists()}

    assert {path for path, mode in modes.items() if mode & 0o077 and not path.is_symlink()} == set()
    assert (up.state / "clickhouse" / "password").exists()


def test_no_secret_stands_in_the_process_list(up: Up):
    """Neither of the command itself nor of what it started."""
    up.until(up.ready_file.exists)
    password = (up.state / "clickhouse" / "password").read_text().strip()
    processes = [psutil.Process(up.process.pid), *psutil.Process(up.process.pid).children(recursive=True)]

    assert len(processes) > 3
    assert not [one for one in processes if password in " ".join(one.cmdline())]


def test_fleet_goes_live(up: Up):
    """The simulated fleet reaches `fleet_power`, against budgets scaled to its chips."""
    up.until_said(LIVE)

    with connect(up.clickhouse) as client:
        seconds = client.query("SELECT count(), max(power_w) > 0 FROM fleet_power").result_rows[0]
        chips = client.query("SELECT sum(chips_expected), min(budget_w) > 0 FROM budgets").result_rows[0]
    assert seconds[0] > 0
    assert seconds[1]
    assert chips == (300, True)


def test_page_answers(up: Up):
    """The page with its dashboards, its figures and its health answer over HTTP."""
    up.until_said(LIVE)
    summary = up.get("/summary.json").json()

    assert up.get("/healthz").data == b"ok\n"
    assert b"<main" in up.get("/").data
    assert up.get("/api/boards").json()[0]["uid"] == "gigawatt-fleet-power"
    assert isinstance(up.get("/api/alerts").json()["alerts"], list)
    assert summary["total"]["power_w"] > 0
    assert sum(line["chips_expected"] for line in summary["lines"]) == 300


def test_status_of_running_stack(up: Up):
    """`gigawatt status` says that each part is up, and exits with 0."""
    up.until_said(LIVE)
    asked = ("status", "--kafka", f"127.0.0.1:{up.ports[0]}", "--clickhouse", up.clickhouse)
    # On a busy machine the worker may be behind for a moment.
    done = up.until(lambda: (said := gigawatt(*asked)).returncode == 0 and said)

    parts = [line.split()[:2] for line in done.stdout.splitlines()]
    names = "kafka topics clickhouse disk schema workers lag lost rejected dead doubtful"
    assert [["up", name] for name in names.split()] == parts, done.stdout
    assert done.returncode == 0


def test_top_of_running_stack(up: Up):
    """`gigawatt top --once` prints one table, a line for each fleet, platform and site, and what the rules say."""
    up.until_said(LIVE)
    done = gigawatt("top", "--once", "--clickhouse", up.clickhouse)

    assert done.returncode == 0
    assert "virginia / frontier / nvidia" in done.stdout
    assert "counter" in done.stdout
    assert "\nalerts: " in done.stdout
    assert "without an answer" not in done.stdout


def test_second_up_on_the_same_state_is_refused(up: Up):
    """One state belongs to one stack: the second says in one line which process has it."""
    up.until(up.ready_file.exists)
    done = gigawatt("up", "--state", str(up.state))

    assert done.returncode == 1
    assert f"already running on {up.state} (pid {up.process.pid})" in done.stderr
    assert done.stderr.count("\n") == 1


def test_port_in_use_is_refused(up: Up, tmp_path: Path):
    """A port in use is told in one line, before anything is started."""
    up.until(up.ready_file.exists)
    free = free_ports(2)
    done = gigawatt(
        *("up", "--state", str(tmp_path / "other"), "--kafka-port", str(free[0])),
        *("--clickhouse-port", str(free[1]), "--page-port", str(up.ports[2])),
    )

    assert done.returncode == 1
    assert f"port {up.ports[2]} is in use" in done.stderr
    assert "--page-port" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "other" / "logs").exists()


def test_killed_worker_is_started_again(up: Up):
    """What crashes is started again, and that is said."""
    up.until_said(LIVE)
    worker = next(child for child in psutil.Process(up.process.pid).children() if "worker" in child.cmdline())
    worker.kill()

    up.until_said(r"worker-1 was killed by SIGKILL")
    up.until_said(r"worker-1 restarted")


def test_the_port_of_a_killed_engine_is_nobody_else_s(up: Up):
    """Whoever listened there meanwhile would be told the password by every client that asks again."""
    up.until_said(LIVE)
    engine = next(c for c in psutil.Process(up.process.pid).children() if "local.clickhouse" in c.cmdline())
    engine.kill()
    engine.wait(timeout=60)
    with pytest.raises(OSError, match="in use"):
        socket.create_server(("127.0.0.1", up.ports[1]))

    up.until_said(r"clickhouse restarted(?s:.*)clickhouse ready")
    with connect(up.clickhouse) as client:
        assert client.command("SELECT 1") == 1


def test_sigterm_ends_all_and_a_second_start_finds_the_data(up: Up):
    """SIGTERM ends every child, with exit code 0; the next start is live as soon, with what was stored before."""
    anew = float(up.until_said(LIVE)[1])
    children = psutil.Process(up.process.pid).children(recursive=True)
    with connect(up.clickhouse) as client:
        first = client.query("SELECT min(time) FROM fleet_power").result_rows[0][0]
    assert up.end() == 0
    assert not [child for child in children if child.is_running()]

    up.start("--seconds", "600")
    again = float(up.until_said(LIVE)[1])
    with connect(up.clickhouse) as client:
        # A Trainium device reports its first minute later, and that reaches back before what was first.
        assert client.query("SELECT min(time) FROM fleet_power").result_rows[0][0] <= first
    assert again < 3 * anew + 10  # a machine that is slow is slow both times; what waits for a session waits longer


def test_ends_by_itself(up: Up):
    """`--seconds` ends the stack by itself, with exit code 0."""
    if up.process.poll() is None:
        up.end()
    up.start("--seconds", "0.5", "--chips", "0")

    assert up.process.wait(timeout=LONGEST_S) == 0
    assert "no simulated fleet" in up.said.read_text()


def test_a_mistake_in_the_fleet_file_is_told_before_anything_starts(tmp_path):
    """One line with file, line and field, and no state directory's worth of servers first."""
    file = tmp_path / "fleet.toml"
    file.write_text("[[pool]]\ncuont = 3\n")
    done = gigawatt("up", "--state", str(tmp_path / "state"), "--fleet-file", str(file))

    assert done.returncode == 1
    assert done.stderr.startswith(f"gigawatt: {file}:")
    assert len(done.stderr.splitlines()) == 1
