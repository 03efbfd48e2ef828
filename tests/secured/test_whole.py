"""The whole stack on a Kafka that demands TLS, logins and rights, and a ClickHouse with https and three users.

Each command runs as the users of both that it is for.
"""

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

from schema.clickhouse import connect
from schema.kafka import KafkaAdmin
from schema.passwords import password_file
from schema.rights import READING, WRITING
from tests.local.clickhouse.conftest import Front, start
from tests.schema.certificates import HERE, ca_file, files
from tests.secured.broker import ROLES, Secured, password_of
from tests.secured.conftest import without_topics
from tests.stack import wait_for

OWNER = "default"
CHIPS = 40


@dataclass
class Both:
    """A broker and a store that are reached by files alone."""

    kafka: Secured
    front: Front
    ca: Path
    logs: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def env(self, user: str, role: str = "nobody") -> dict[str, str]:
        """Return the environment of a command that runs as a user of ClickHouse, and in a role of Kafka's."""
        return {
            "GIGAWATT_KAFKA_CONFIG": str(self.kafka.config(role)),
            "GIGAWATT_CLICKHOUSE": f"https://{user}@{HERE}:{self.front.port}",
            "GIGAWATT_CLICKHOUSE_CA": str(self.ca),
            "GIGAWATT_CLICKHOUSE_PASSWORD_FILE": str(password_file(self.front.path, "" if user == OWNER else user)),
        }

    def run(self, user: str, *arguments: str, within_s: float = 240) -> subprocess.CompletedProcess[str]:
        """Run a command of ours as a user, and in the role of its name, to its end."""
        role = arguments[0] if arguments[0] in ROLES else "nobody"
        return subprocess.run(
            [sys.executable, "-m", "gigawatt", *arguments], env=os.environ | self.env(user, role), capture_output=True,
            text=True, check=False, timeout=within_s,
        )  # fmt: skip

    def stored(self) -> int:
        """Return how many samples are stored."""
        with connect(self.env(READING.user)["GIGAWATT_CLICKHOUSE"], environment=self.env(READING.user)) as reader:
            return int(reader.command("SELECT sum(samples) FROM ingest_blocks"))


@pytest.fixture(scope="module")
def both(secured: Secured, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    without_topics(secured)
    folder, authority = tmp_path_factory.mktemp("store"), trustme.CA()
    own = files(authority.issue_cert(HERE), folder, "own")
    front = start(folder / "data", "--tls-certificate", str(own.certificate), "--tls-key", str(own.key))
    (folder / "logs").mkdir()
    yield Both(secured, front, ca_file(authority, folder), folder / "logs")
    front.stop()
    with KafkaAdmin(secured.clear) as topics:
        topics.ensure(2)


@pytest.fixture(scope="module")
def running(both: Both) -> Iterator[Both]:
    """Migrate as the owner, store as who writes, and publish as who may only write."""
    migrated = both.run(OWNER, "migrate")
    assert migrated.returncode == 0, migrated.stderr
    started = (
        (WRITING.user, "worker", "worker", "--name", "secured"),
        (READING.user, "producer", "produce", "simulated", "--chips", str(CHIPS)),
    )
    for user, role, name, *rest in started:
        command = [sys.executable, "-m", "gigawatt", name, *rest]
        with (both.logs / name).open("w") as said:
            both.processes.append(subprocess.Popen(command, env=os.environ | both.env(user, role), stderr=said))
    wait_for(lambda: both.stored() > CHIPS, 120)
    yield both
    for one in both.processes:
        one.terminate()
        one.wait(60)


def test_every_part_is_up(running: Both):
    done = running.run(READING.user, "status")

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_fleet_is_live(running: Both):
    done = running.run(READING.user, "top", "--json")

    assert json.loads(done.stdout)["total"]["power_w"] > 0, done.stderr
    assert "without an answer" not in done.stdout


@pytest.mark.timeout(900)
def test_every_query_of_the_boards_and_rules_is_answered(running: Both):
    done = running.run(READING.user, "dashboards", "check", within_s=800)

    assert done.returncode == 0, done.stdout
    assert "no problems" in done.stdout


def test_every_joule_is_stored_once(running: Both):
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
def test_what_a_user_may_not_is_one_line(running: Both, user, arguments, said):
    done = running.run(user, *arguments)

    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_no_password_stands_in_a_log_or_the_process_list(running: Both):
    words = [password_file(running.front.path, user).read_text().strip() for user in ("", READING.user, WRITING.user)]
    words += [password_of(role) for role in ("worker", "producer", "migrate", "status", "audit")]
    logs = [log.read_text() for log in running.logs.iterdir()]
    lines = [" ".join(psutil.Process(one.pid).cmdline()) for one in (*running.processes, running.front.process)]

    assert len(logs) == len(running.processes) == 2
    assert not [text for text in logs + lines for word in words if word in text]
