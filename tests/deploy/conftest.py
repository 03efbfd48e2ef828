"""Kafka as Compose's file sets it up: the image's own wrapper makes its properties, the real broker runs with them."""

import os
import re
import socket
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from local.broker import Broker, jars, java, kafka
from local.broker.choose import cache_directory
from local.broker.kafka import free_port
from tests.deploy.compose import addresses, environment, published
from tests.local.broker.conftest import running

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Composed:
    """The broker, as it is reached from Compose's network and from the host; `given` is what its wrapper was given."""

    network: str
    host: str
    given: dict[str, str]


def _carry(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while part := one.recv(65536):
            other.sendall(part)
    with suppress(OSError):
        other.shutdown(socket.SHUT_RDWR)


@contextmanager
def forwarded(port: int, to: int) -> Iterator[None]:
    """Publish a port as the container engine does: what connects to it reaches another one."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError), socket.create_connection((LOOPBACK, to)) as behind:
                back = threading.Thread(target=_carry, args=(behind, self.request))
                back.start()
                _carry(self.request, behind)
                back.join()

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    with Server((LOOPBACK, port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def moved(given: dict[str, str], inside: dict[str, int], outside: dict[str, int], data: Path) -> dict[str, str]:
    """Return the variables with the test's paths and ports: `inside` the container and on the host, `outside`.

    The name of the service is `localhost` here. A port that the host does not publish is one on which nobody listens.
    """
    advertised = [
        f"{name}://localhost:{inside[port]}"
        if host == "kafka"
        else f"{name}://{host}:{outside.get(port) or free_port(LOOPBACK)}"
        for name, (host, port) in addresses(given["KAFKA_ADVERTISED_LISTENERS"]).items()
    ]
    listeners = [
        f"{name}://{host or LOOPBACK}:{inside[port]}"
        for name, (host, port) in addresses(given["KAFKA_LISTENERS"]).items()
    ]
    voters = re.sub(
        r"@kafka:(\d+)", lambda found: f"@localhost:{inside[found[1]]}", given["KAFKA_CONTROLLER_QUORUM_VOTERS"]
    )
    return {
        **given,
        "KAFKA_LISTENERS": ",".join(listeners),
        "KAFKA_ADVERTISED_LISTENERS": ",".join(advertised),
        "KAFKA_CONTROLLER_QUORUM_VOTERS": voters,
        "KAFKA_LOG_DIRS": str(data),
    }


def java_command() -> tuple[str, ...]:
    """Return the Java and the classes of the pinned Kafka, whose jars the first run ever downloads."""
    version, pinned = jars.pinned()
    class_path = jars.class_path(pinned, cache_directory() / f"kafka-{version}")
    return (str(java.find(os.environ).executable), *kafka.JVM, *kafka.LOGGING, "-cp", ":".join(map(str, class_path)))


def configured(command: tuple[str, ...], given: dict[str, str], home: Path) -> Path:
    """Have the image's wrapper make the properties and format the data, as its `launch` does; return the file."""
    folders = {flag: home / name for flag, name in (("-D", "default"), ("-M", "mounted"), ("-F", "final"))}
    for folder in folders.values():
        folder.mkdir(parents=True)
    for name in ("server.properties", "log4j2.yaml", "tools-log4j2.yaml"):
        (folders["-D"] / name).touch()
        (folders["-F"] / name).touch()
    flags = [text for flag, folder in folders.items() for text in (flag, str(folder))]
    setup = [*command, "kafka.docker.KafkaDockerWrapper", "setup", *flags]
    done = subprocess.run(setup, env=os.environ | given, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folders["-F"] / "server.properties"


@pytest.fixture(scope="package")
def composed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composed]:
    """Run Kafka with exactly what Compose gives it, published as Compose publishes it."""
    home, given = tmp_path_factory.mktemp("composed"), environment("kafka")
    inside = {port: free_port(LOOPBACK) for _, port in addresses(given["KAFKA_LISTENERS"]).values()}
    outside = {port: free_port(LOOPBACK) for port in published("kafka")}
    command = java_command()
    given = moved(given, inside, outside, home / "data")
    properties = configured(command, given, home)
    broker = Broker("kafka", "", "localhost", inside["9092"], (*command, "kafka.Kafka", str(properties)), os.environ)
    (published_port, container_port) = next(iter(published("kafka").items()))
    with forwarded(outside[published_port], inside[container_port]), running(broker):
        yield Composed(broker.bootstrap, f"{LOOPBACK}:{outside[published_port]}", given)
