"""The Kafka topics: their names, their configuration, and how they are brought to it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType, OffsetSpec
from kafka.errors import KafkaError, TopicAlreadyExistsError
from kafka.structs import TopicPartition

from schema.errors import GigawattError

SAMPLES: Final = "chip.samples"
REJECTED: Final = "chip.samples.rejected"
MAX_MESSAGE_BYTES: Final = 8 * 2**20

_HOUR_MS: Final = 3_600_000


@dataclass(frozen=True)
class Topic:
    """A topic as it shall be; `partitions` counts only when it is created."""

    name: str
    partitions: int
    config: dict[str, str] = field(default_factory=dict)


def wanted(partitions: int) -> list[Topic]:
    """Return the topics of Gigawatt."""
    common = {
        "message.timestamp.type": "LogAppendTime",  # blocks are cut, and lateness judged, by the broker's clock
        "max.message.bytes": str(MAX_MESSAGE_BYTES),
        "compression.type": "producer",
        "cleanup.policy": "delete",
    }
    return [
        # Long enough to outlive a weekend without workers; bytes are bounded where disk is (see local/broker).
        Topic(SAMPLES, partitions, {**common, "retention.ms": str(72 * _HOUR_MS)}),
        Topic(REJECTED, 1, {**common, "retention.ms": str(7 * 24 * _HOUR_MS), "retention.bytes": str(2**30)}),
    ]


class KafkaAwayError(GigawattError):
    """The broker does not answer."""


class KafkaAdmin:
    """What Gigawatt asks of a cluster besides messages. Use as a context manager."""

    def __init__(self, bootstrap: str, timeout_s: float = 10.0) -> None:
        self._bootstrap = bootstrap
        try:
            self._client = KafkaAdminClient(
                bootstrap_servers=bootstrap,
                client_id="gigawatt-admin",
                bootstrap_timeout_ms=int(timeout_s * 1000),
            )
        except (KafkaError, OSError, ValueError) as error:
            raise KafkaAwayError(
                f"no Kafka broker answers at {bootstrap}; start one, or name another with GIGAWATT_KAFKA"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def ensure(self, partitions: int, replication: int = 1, said: Callable[[str], None] = lambda _: None) -> None:
        """Create the topics that are missing and mend the configuration of those that are there."""
        existing = set(self._client.list_topics())
        for topic in wanted(partitions):
            if topic.name in existing:
                self._mend(topic, said)
            else:
                self._create(topic, replication, said)

    def _create(self, topic: Topic, replication: int, said: Callable[[str], None]) -> None:
        said(f"creating topic {topic.name} with {topic.partitions} partitions")
        request = {
            "num_partitions": topic.partitions,
            "replication_factor": replication,
            "configs": topic.config,
        }
        try:
            self._client.create_topics({topic.name: request}, wait_for_metadata=True)
        except TopicAlreadyExistsError:
            return  # another migrator was quicker
        except KafkaError as error:
            raise GigawattError(f"cannot create topic {topic.name}: {error}") from error

    def _mend(self, topic: Topic, said: Callable[[str], None]) -> None:
        found = self.config(topic.name)
        wrong = {key: value for key, value in topic.config.items() if found.get(key, value) != value}
        if not wrong:
            return
        said(f"setting {', '.join(sorted(wrong))} of topic {topic.name}")
        try:
            self._client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic.name, configs=wrong)])
        except KafkaError as error:
            raise GigawattError(f"cannot configure topic {topic.name}: {error}") from error

    def config(self, topic: str) -> dict[str, str]:
        """Return the configuration of a topic; empty where the broker does not tell."""
        resource = ConfigResource(ConfigResourceType.TOPIC, topic)
        try:
            answer = self._client.describe_configs([resource], config_filter="all")
        except (KafkaError, NotImplementedError):
            return {}
        described = answer.get("topic", {}).get(topic, {})
        return {key: str(entry["value"]) for key, entry in described.items()}

    def log_id(self, topic: str) -> str:
        """Return the identity of the log behind a topic: another one after the topic was made anew.

        Offsets mean something only within one log.
        """
        described = self._client.describe_topics([topic])
        if not described or described[0].get("error_code"):
            raise GigawattError(f"topic {topic} is missing at {self._bootstrap}; run: gigawatt migrate")
        return str(described[0].get("topic_id") or topic)

    def partitions(self, topic: str) -> list[int]:
        """Return the partition numbers of a topic."""
        described = self._client.describe_topics([topic])
        return sorted(partition["partition_index"] for partition in described[0]["partitions"])

    def log_ends(self, topic: str) -> dict[int, tuple[int, int]]:
        """Return the first kept and the next free offset of each partition."""
        partitions = [TopicPartition(topic, number) for number in self.partitions(topic)]
        starts = self._client.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.EARLIEST))
        ends = self._client.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST))
        return {tp.partition: (starts[tp].offset, ends[tp].offset) for tp in partitions}
