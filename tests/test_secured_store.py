"""The same stack on a ClickHouse with https and three users: each command as the user that it is for."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
import trustme

from local.broker import Broker
from schema.clickhouse import connect
from schema.passwords import password_file
from schema.rights import READING, WRITING
from tests.local.clickhouse.conftest import Front, start
from tests.schema.certificates import HERE, ca_file, files
from tests.stack import emptied, wait_for

OWNER = "default"
CHIPS = 40


@dataclass
class Secured:
    """A broker, and a store that is reached by files alone."""

    kafka: str
    front: Front
    ca: Path
    logs: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def env(self, user: str) -> dict[str, str]:
        """Return the environment of a command that runs as a user."""
        return {
            "GIGAWATT_KAFKA": self.kafka,
            "GIGAWATT_CLICKHOUSE": f"https://{user}@{HERE}:{self.front.port}",
            "GIGAWATT_CLICKHOUSE_CA": str(self.ca),
            "GIGAWATT_CLICKHOUSE_PASSWORD_FILE": str(password_file(self.front.path, "" if user == OWNER else user)),
        }

    def run(self, user: str, *arguments: str, within_s: float = 240) -> subprocess.CompletedProcess[str]:
        """Run a command of ours as a user, to its end."""
        return subprocess.run(
            [sys.executable, "-m", "gigawatt", *arguments], env=os.environ | self.env(user), capture_output=True,
            text=True, check=False, timeout=within_s,
        )  # fmt: skip

    def stored(self) -> int:
        """Return how many samples are stored."""
        with connect(self.env(READING.user)["GIGAWATT_CLICKHOUSE"], environment=self.env(READING.user)) as reader:
            return int(reader.command("SELECT sum(samples) FROM ingest_blocks"))


@pytest.fixture(scope="module")
def secured(kafka: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    emptied(f"{HERE}:{kafka.port}")
    folder, authority = tmp_path_factory.mktemp("secured"), trustme.CA()
    own = files(authority.issue_cert(HERE), folder, "own")
    front = start(folder / "data", "--tls-certificate", str(own.certificate), "--tls-key", str(own.key))
    (folder / "logs").mkdir()
    yield Secured(f"{HERE}:{kafka.port}", front, ca_file(authority, folder), folder / "logs")
    front.stop()


@pytest.fixture(scope="module")
def running(secured: Secured) -> Iterator[Secured]:
    """Migrate as the owner, store as who writes, and publish."""
    migrated = secured.run(OWNER, "migrate")
    assert migrated.returncode == 0, migrated.stderr
    arguments = (
        (WRITING.user, "worker", "--name", "secured"),
        (READING.user, "produce", "simulated", "--chips", str(CHIPS), "--to", secured.kafka),
    )
    for user, name, *rest in arguments:
        with (secured.logs / name).open("w") as said:
            secured.processes.append(
                subprocess.Popen(
                    [sys.executable, "-m", "gigawatt", name, *rest], env=os.environ | secured.env(user), stderr=said
                )
            )
    wait_for(lambda: secured.stored() > CHIPS, 120)
    yield secured
    for one in secured.processes:
        one.terminate()
        one.wait(60)


def test_every_part_is_up(running: Secured):
    done = running.run(READING.user, "status")

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_fleet_is_live(running: Secured):
    done = running.run(READING.user, "top", "--json")

    assert json.loads(done.stdout)["total"]["power_w"] > 0, done.stderr
    assert "without an answer" not in done.stdout


@pytest.mark.timeout(900)
def test_every_query_of_the_boards_and_rules_is_answered(running: Secured):
    done = running.run(READING.user, "dashboards", "check", within_s=800)

    assert done.returncode == 0, done.stdout
    assert "all well" in done.stdout


def test_every_joule_is_stored_once(running: Secured):
    done = running.run(READING.user, "audit", "--patience", "120")

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("holds") == 3


@pytest.mark.parametrize(
    ("user", "arguments", "said"),
    [
        (READING.user, ("migrate", "--skip-topics"), "user grafana may only read"),
        (WRITING.user, ("migrate", "--skip-topics"), "user gigawatt_worker may only read"),
    ],
)
def test_what_a_user_may_not_is_one_line(running: Secured, user, arguments, said):
    done = running.run(user, *arguments)

    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_no_password_stands_in_a_log_or_the_process_list(running: Secured):
    words = [password_file(running.front.path, user).read_text().strip() for user in ("", READING.user, WRITING.user)]
    logs = [log.read_text() for log in running.logs.iterdir()]
    lines = [" ".join(psutil.Process(one.pid).cmdline()) for one in (*running.processes, running.front.process)]

    assert len(logs) == len(running.processes) == 2
    assert not [text for text in logs + lines for word in words if word in text]
