"""The whole stack on a Kafka that demands TLS and a login: each part with a principal and rights of its own."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from kafka import KafkaProducer

from schema.kafka import KafkaAdmin
from schema.topics import REJECTED, SAMPLES
from tests.engine import Engine
from tests.secured.broker import USERS, Secured, password_of, token_of
from tests.secured.conftest import without_topics
from tests.stack import wait_for

CHIPS = 40


class Commands:
    """Our commands, each with the properties of a role; what they say is kept."""

    def __init__(self, kafka: Secured, engine: Engine, folder: Path) -> None:
        self.kafka = kafka
        self.client = engine.migrated_client()
        self._env = {**os.environ, "GIGAWATT_CLICKHOUSE": engine.url}
        self._folder = folder
        self.said = ""
        self.seen = ""

    def _command(self, config: Path, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "gigawatt", *arguments, "--kafka-config", str(config)]

    def run(self, role: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run_with(self.kafka.config(role), *arguments)

    def run_with(self, config: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = self._command(config, *arguments)
        done = subprocess.run(command, env=self._env, capture_output=True, text=True, check=False, timeout=120)
        self.said += done.stdout + done.stderr
        return done

    @contextmanager
    def worker(self, config: Path) -> Iterator[Path]:
        """Run a worker, and give the file in which it logs."""
        log = self._folder / "worker.log"
        command = self._command(config, "worker", "--verbose")
        with log.open("wb") as file, subprocess.Popen(command, env=self._env, stderr=file, stdout=file) as process:
            try:
                self.seen = Path(f"/proc/{process.pid}/cmdline").read_text() if sys.platform == "linux" else ""
                yield log
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(60)
                self.said += log.read_text("utf-8", "replace")

    def stored(self) -> int:
        return int(self.client.query("SELECT sum(samples) FROM ingest_blocks").first_row[0])


@pytest.fixture
def commands(secured: Secured, engine: Engine, tmp_path: Path) -> Iterator[Commands]:
    """Give commands on a broker without topics and an engine without samples; leave topics to the other tests."""
    without_topics(secured)
    yield Commands(secured, engine, tmp_path)
    with KafkaAdmin(secured.clear) as topics:
        topics.ensure(2)


def publish(commands: Commands) -> None:
    """Publish a sample of each chip, as the producer's principal."""
    done = commands.run("producer", "produce", "simulated", "--chips", str(CHIPS), "--cadence", "1", "--once")
    assert done.returncode == 0, done.stderr


def test_every_part_works_with_rights_of_its_own_and_tells_no_secret(commands):
    done = commands.run("migrate", "migrate", "--partitions", "2")
    assert done.returncode == 0, done.stderr
    assert f"creating topic {SAMPLES}" in done.stderr

    with commands.worker(commands.kafka.config("worker")):
        publish(commands)
        rubbish = KafkaProducer(bootstrap_servers=commands.kafka.clear)
        rubbish.send(SAMPLES, b"no sample").get(20)
        rubbish.close()
        wait_for(lambda: commands.stored() >= CHIPS, 90)
        with KafkaAdmin(commands.kafka.clear) as admin:
            wait_for(lambda: sum(end for _, end in admin.log_ends(REJECTED).values()) == 1, 60)
        status = commands.run("status", "status")
        audit = commands.run("audit", "audit")
        top = commands.run("status", "status", "--help")

    assert status.returncode == 0, status.stdout
    assert audit.returncode == 0, audit.stdout + audit.stderr
    assert top.returncode == 0
    with KafkaAdmin(commands.kafka.clear) as admin:
        made = {name for name in admin._client.list_topics() if not name.startswith("__")}
    assert made == {SAMPLES, REJECTED}
    for user in USERS:
        assert password_of(user) not in commands.said + commands.seen


def test_a_worker_goes_on_while_its_token_is_renewed_in_place(commands, tmp_path):
    """The broker ends each connection when the token that opened it expires, so a new one is read again and again."""
    assert commands.run("migrate", "migrate", "--partitions", "2").returncode == 0
    file, stop = tmp_path / "token", threading.Event()
    config = commands.kafka.config(
        "worker",
        sasl_mechanism="OAUTHBEARER",
        sasl_username="",
        sasl_password="",
        sasl_oauthbearer_token_file=str(file),
    )

    def renew() -> None:
        while True:
            fresh = tmp_path / "token.new"
            fresh.write_text(token_of("worker", lives_s=6))
            fresh.replace(file)
            if stop.wait(2):
                return

    renewing = threading.Thread(target=renew)
    renewing.start()
    try:
        with commands.worker(config):
            for turn in range(1, 4):
                publish(commands)
                wait_for(lambda turn=turn: commands.stored() >= turn * CHIPS, 90)
                stop.wait(7)  # longer than any token lives
    finally:
        stop.set()
        renewing.join()
    assert commands.run("audit", "audit").returncode == 0


def test_a_worker_without_its_rights_waits_and_says_which(commands):
    assert commands.run("migrate", "migrate", "--partitions", "2").returncode == 0

    with commands.worker(commands.kafka.config("audit")) as log:
        wait_for(lambda: "Kafka denies" in log.read_text(), 60)

    (line,) = [line for line in commands.said.splitlines() if "Kafka denies" in line]
    assert f"Kafka denies DescribeConfigs on topic {SAMPLES} to User:audit" in line


@pytest.mark.parametrize("command", ["status", "audit", "migrate"])
def test_a_wrong_password_is_one_line_of_a_command_without_the_password(commands, command):
    config = commands.kafka.config(command, sasl_password="of-nobody-51c2")  # noqa: S106  nobody's
    done = commands.run_with(config, command)

    assert done.returncode == 1
    (line,) = [one for one in (done.stdout + done.stderr).splitlines() if "rejects user" in one]
    assert f"the broker rejects user {command} with this password by SCRAM-SHA-512" in line
    assert "of-nobody-51c2" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
