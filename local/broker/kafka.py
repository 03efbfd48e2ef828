"""Apache Kafka as one node on loopback, broker and KRaft controller in one JVM, tuned for a laptop.

Measured on two cores with Java 17: accepting 1.3 s after start with a class archive, 2.7 s without; 190 MB
resident when idle.
"""

import base64
import itertools
import json
import shutil
import socket
import subprocess
import uuid
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from local.broker.java import Java
from local.broker.running import Broker, Place
from schema.errors import GigawattError

MIB = 1024 * 1024
NODE = 1
FORMAT_WITHIN_S = 60
UTF_8 = "C.UTF-8"  # in the locale C, Java cannot open a path that has more than ASCII

# Quick to start and small: no parallel collector threads, no files for jstat, none of the JVM's own chatter
# (a class archive that no longer fits is a slower start, nothing to tell the operator). The first compiler alone: the
# second one takes more CPU time in the first minutes than it saves a broker that mostly copies bytes.
JVM = (
    *("-Xms128m", "-Xmx768m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
    *("-XX:-UsePerfData", "-Djava.awt.headless=true"),
)
QUIET = ("-Xlog:disable", "-Xlog:all=error:stderr")
LOGGING = (
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS",
    "-Dorg.slf4j.simpleLogger.showThreadName=false",
)
NATIVE_ACCESS_SINCE = 22  # the first Java that warns about zstd's native library unless told
AOT_CACHE_SINCE = 25  # the first that makes its faster successor of a class archive in one step


@dataclass(frozen=True)
class Retention:
    """What the broker keeps by default of each partition: the newest bytes, and nothing older.

    A topic's own `retention.*` settings stand above it. Whole segments go, so up to one segment more is kept.
    """

    partition_bytes: int = 1024 * MIB
    hours: float = 24.0
    segment_bytes: int = 64 * MIB


def settings(place: Place, controller_port: int, data: Path, retention: Retention) -> dict[str, str]:
    """Kafka's server.properties; https://kafka.apache.org/documentation/#brokerconfigs describes each."""
    values: dict[str, object] = {
        "process.roles": "broker,controller",
        "node.id": NODE,
        "controller.quorum.voters": f"{NODE}@{place.host}:{controller_port}",
        "listeners": f"CLIENTS://{place.host}:{place.port},CONTROLLER://{place.host}:{controller_port}",
        "advertised.listeners": f"CLIENTS://{place.host}:{place.port}",
        "listener.security.protocol.map": "CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "CLIENTS",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": data,
        # Blocks are cut by the broker's own clock, and a mistyped topic is an error, not a new topic.
        "log.message.timestamp.type": "LogAppendTime",
        "auto.create.topics.enable": "false",
        # After a kill, the controller waits out the session of the broker that died before it lets the new
        # one in: 9 s by default.
        "broker.session.timeout.ms": 3000,
        "broker.heartbeat.interval.ms": 1000,
        # Twice a second it would write that nothing happened, a third of the CPU of an idle broker.
        "metadata.max.idle.interval.ms": 5000,
        # One node has no one to wait for and nothing to copy to.
        "group.initial.rebalance.delay.ms": 0,
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 4,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "share.coordinator.state.topic.num.partitions": 4,
        # The log: small segments, looked over often, since only whole segments can go.
        "log.segment.bytes": retention.segment_bytes,
        "log.index.size.max.bytes": MIB,
        "log.retention.bytes": retention.partition_bytes,
        "log.retention.ms": round(retention.hours * 3_600_000),
        "log.retention.check.interval.ms": 10_000,
        "log.segment.delete.delay.ms": 1000,
        "log.cleaner.dedupe.buffer.size": 16 * MIB,
        # A rack's or pod's batch is one message.
        "message.max.bytes": 8 * MIB,
        "replica.fetch.max.bytes": 8 * MIB,
        "socket.send.buffer.bytes": MIB,
        "socket.receive.buffer.bytes": MIB,
        # Two cores.
        "num.network.threads": 2,
        "num.io.threads": 4,
        "background.threads": 2,
        "num.recovery.threads.per.data.dir": 2,
        "group.coordinator.threads": 1,
        "share.coordinator.threads": 1,
    }
    return {name: str(value) for name, value in values.items()}


def prepare(
    place: Place,
    *,
    version: str,
    class_path: Sequence[Path],
    java: Java,
    retention: Retention,
    environ: Mapping[str, str],
) -> Broker:
    """Write the settings and, the first time, format the data directory (1.2 s); the rest is the JVM's."""
    if "," in str(place.state) or any(":" in str(jar) for jar in class_path):
        raise GigawattError(
            "Kafka does not support a comma in the path of its state directory, or a colon in the path of its cache"
        )
    home = place.state / "kafka"
    home.mkdir(parents=True, exist_ok=True)
    data, properties = home / "data", home / "server.properties"
    controller_port = free_port(place.host)
    environ = {**environ, "LC_ALL": UTF_8}
    crash_report = f"-XX:ErrorFile={home / 'java-error-%p.log'}"
    command: tuple[str, ...] = (str(java.executable), *JVM, *QUIET, *LOGGING, crash_report)
    if java.major >= NATIVE_ACCESS_SINCE:
        command += ("--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow")
    classes = ("-cp", ":".join(map(str, class_path)))
    if not data.is_dir():
        fresh = home / "data.new"  # renamed when it is whole, so that a kill leaves no half-formatted data
        shutil.rmtree(fresh, ignore_errors=True)
        write(properties, settings(place, controller_port, fresh, retention))
        format_storage((*command, *classes), properties, environ)
        fresh.rename(data)
    write(properties, settings(place, controller_port, data, retention))
    archive = class_path[0].parent / f"classes-java{java.version}"
    flag = archive_flag(archive, java, (*command, *classes), environ)
    argv = (*command, flag, *classes, "kafka.Kafka", str(properties))
    return Broker("kafka", version, place.host, place.port, argv, environ)


def write(properties: Path, values: Mapping[str, str]) -> None:
    """Write a Java properties file, which is ASCII and whose escapes are those of JSON."""
    lines = [f"{name}={json.dumps(value)[1:-1]}\n" for name, value in values.items()]
    properties.write_text("".join(lines), encoding="ascii")


def format_storage(command: Sequence[str], properties: Path, environ: Mapping[str, str]) -> None:
    """Have Kafka's own tool write the cluster's identity and its feature levels."""
    cluster = cluster_id(uuid.uuid4() for _ in itertools.count())
    tool = ("kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(properties))
    try:
        done = subprocess.run(  # noqa: S603 - the Java and the jars that were just checked
            [*command, *tool], env=dict(environ), capture_output=True, text=True, timeout=FORMAT_WITHIN_S,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise GigawattError(f"Kafka's format of {properties.parent} took over {FORMAT_WITHIN_S} s") from error
    if done.returncode:
        said = (done.stderr + done.stdout).strip().splitlines()
        raise GigawattError(f"Kafka cannot format {properties.parent}: {said[-1] if said else 'no reason'}")


def cluster_id(random: Iterable[uuid.UUID]) -> str:
    """Return the first of these as Kafka writes it: without a dash in front, which its tool takes for an option."""
    written = (base64.urlsafe_b64encode(one.bytes).decode().rstrip("=") for one in random)
    return next(text for text in written if not text.startswith("-"))


def archive_flag(archive: Path, java: Java, command: Sequence[str], environ: Mapping[str, str]) -> str:
    """Give the flag that loads the parsed classes of an earlier run, or has this one write them at its end.

    A run that is killed while it writes leaves a broken file, so that what was written is tried once before
    it is used. Writing takes 2 to 5 s, at the end of the first run only.
    """
    name, use, make = (
        ("aot", "-XX:AOTCache={}", "-XX:AOTCacheOutput={}")
        if java.major >= AOT_CACHE_SINCE
        else ("jsa", "-XX:SharedArchiveFile={}", "-XX:ArchiveClassesAtExit={}")
    )
    tried, untried = (
        archive.with_name(f"{archive.name}.{name}"),
        archive.with_name(f"{archive.name}.new.{name}"),
    )
    if untried.is_file() and not tried.is_file():
        strict = "-XX:AOTMode=on" if name == "aot" else "-Xshare:on"
        check = [*command, strict, use.format(untried), "-version"]
        done = subprocess.run(check, env=dict(environ), capture_output=True, check=False)  # noqa: S603 - as above
        with suppress(FileNotFoundError):  # another broker's start was quicker
            if done.returncode == 0:
                untried.rename(tried)
            else:
                untried.unlink()
    return use.format(tried) if tried.is_file() else make.format(untried)


def free_port(host: str) -> int:
    """Find a port that nothing listens on now, for the controller, whom no one but this broker talks to."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port
