"""What every broker has in common once it is prepared: a command to run and a way to ask if it is ready."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError


@dataclass(frozen=True)
class Broker:
    """A broker that is downloaded, formatted and ready to be run as `argv` with `env`.

    `notice` is a line for the operator when this broker is less than was wished for, else None.
    `stop_within_s` is the time it may take from SIGTERM to its end.
    """

    kind: Literal["kafka", "tansu"]
    version: str
    host: str
    port: int
    argv: tuple[str, ...]
    env: Mapping[str, str]
    notice: str | None = None
    stop_within_s: float = 20.0

    @property
    def bootstrap(self) -> str:
        """The address for clients, HOST:PORT."""
        return f"{self.host}:{self.port}"

    def is_ready(self) -> bool:
        """Whether a real client is told of a live broker; blocks for 5 s at most, never raises."""
        return accepts(self.host, self.port) and describes_itself(self.bootstrap)


@dataclass(frozen=True)
class Place:
    """Where a broker keeps its files and listens. `port` is for clients, on loopback."""

    state: Path
    port: int
    host: str = "127.0.0.1"


def accepts(host: str, port: int, timeout_s: float = 0.5) -> bool:
    """Whether anything takes a TCP connection at `host`:`port`: the cheap question, asked first."""
    try:
        with socket.create_connection((host, port), timeout_s):
            return True
    except OSError:
        return False


def describes_itself(bootstrap: str) -> bool:
    """Whether the cluster at `bootstrap` lists at least one live broker to a Kafka client."""
    try:
        admin = KafkaAdminClient(bootstrap_servers=bootstrap, bootstrap_timeout_ms=2_000, request_timeout_ms=3_000)
    except (KafkaError, OSError):
        return False
    try:
        return bool(admin.describe_cluster()["brokers"])
    except (KafkaError, OSError):
        return False
    finally:
        admin.close()
