"""A broker and an engine that are there, and the project's own commands on them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from clickhouse_connect.driver.client import Client
from kafka import KafkaAdminClient
from kafka.admin import MemberToRemove

from schema.kafka import KafkaAdmin
from schema.topics import SAMPLES


def wait_for(condition: Callable[[], bool], within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.2)


def emptied(bootstrap: str) -> None:
    """Delete all topics of a broker, and have all members leave its groups."""
    leave(bootstrap)
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    if topics := [name for name in admin.list_topics() if not name.startswith("__")]:
        admin.delete_topics(topics)
    admin.close()


def leave(bootstrap: str) -> None:
    """Have all members leave their groups: who was killed would be waited for until its session ends, ten seconds."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        groups = [group["group_id"] for group in admin.list_groups()]
        for name, group in admin.describe_groups(groups).items():
            admin.remove_group_members(name, [MemberToRemove(member["member_id"]) for member in group["members"]])
    finally:
        admin.close()


@dataclass
class Stack:
    """A broker and an engine, and the workers that a test starts on them."""

    kafka: str
    clickhouse: str
    client: Client
    workers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def env(self) -> dict[str, str]:
        return {**os.environ, "GIGAWATT_KAFKA": self.kafka, "GIGAWATT_CLICKHOUSE": self.clickhouse}

    def start(self, name: str) -> None:
        command = [sys.executable, "-m", "gigawatt", "worker", "--name", name]
        self.workers[name] = subprocess.Popen(command, env=self.env, stderr=subprocess.DEVNULL)

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        self.workers[name].send_signal(number)
        self.workers.pop(name).wait(60)

    def stored(self) -> tuple[int, float]:
        samples, joules = self.client.query("SELECT sum(samples), sum(energy_j) FROM power_by_second").first_row
        return int(samples), round(float(joules), 9)  # a second's joules may be added up in pieces

    def everything_is_stored(self) -> bool:
        with KafkaAdmin(self.kafka) as admin:
            ends = {partition: end for partition, (_, end) in admin.log_ends(SAMPLES).items() if end}
        rows = self.client.query("SELECT kafka_partition, max(offset_to) + 1 FROM ingest_blocks GROUP BY 1").result_rows
        return dict(rows) == ends

    def stop(self) -> None:
        """End all workers."""
        for worker in self.workers.values():
            worker.kill()
            worker.wait(60)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of ours to its end."""
        command = [sys.executable, "-m", "gigawatt", *arguments]
        return subprocess.run(command, env=self.env, capture_output=True, text=True, check=False, timeout=120)

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        """Query the store."""
        return [tuple(row) for row in self.client.query(sql).result_rows]
