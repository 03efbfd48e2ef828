"""What Gigawatt asks of a Kafka cluster besides messages: administration."""

from collections.abc import Callable, Container, Iterable, Sequence
from types import TracebackType
from typing import Any, Final, Self

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType, OffsetSpec
from kafka.errors import AuthorizationError, KafkaError, TopicAlreadyExistsError, TopicAuthorizationFailedError
from kafka.structs import TopicPartition

from schema.acls import Right
from schema.errors import GigawattError
from schema.kafka_access import OPEN, KafkaAccess
from schema.kafka_client import Login
from schema.kafka_refused import MissingRightError, missing_right, needing
from schema.topics import REJECTED, SAMPLES, Topic, wanted

_KEPT: Final = {
    SAMPLES: ("message.timestamp.type", "cleanup.policy", "max.message.bytes"),
    REJECTED: ("cleanup.policy",),  # its messages may be bounded: a dead letter is then kept in part
}
"""What is set back while workers run: else producers date samples, and messages are compacted away or rejected."""
_OK: Final = "OK"
_MISSING: Final = {"error_code": -1, "partitions": []}


class _All:
    """Has every name."""

    def __contains__(self, _name: object) -> bool:
        return True


_ALL: Final = _All()


def _say_nothing(_: str) -> None:
    """Tell nobody."""


class KafkaAwayError(GigawattError):
    """The broker does not answer."""


class TopicMissingError(GigawattError):
    """The broker answers and has no such topic."""


class KafkaAdmin:
    """What Gigawatt asks of a cluster besides messages. Use as a context manager."""

    def __init__(self, bootstrap: str, timeout_s: float = 10.0, access: KafkaAccess = OPEN) -> None:
        self._bootstrap = bootstrap
        self._access = access
        login = Login(access)
        try:
            self._client = KafkaAdminClient(
                bootstrap_servers=bootstrap,
                client_id="gigawatt-admin",
                bootstrap_timeout_ms=int(timeout_s * 1000),
                kafka_client=login.client,
            )
        except (KafkaError, OSError, ValueError) as error:
            login.close()
            if login.refusal:
                raise KafkaAwayError(f"Kafka at {bootstrap}: {login.refusal}") from error
            raise KafkaAwayError(
                f"no Kafka broker answers at {bootstrap}; start one, or set another address with GIGAWATT_KAFKA"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    def ensure(self, partitions: int, replication: int = 1, said: Callable[[str], None] = lambda _: None) -> None:
        """Create the topics that are missing and mend the configuration of those that are there."""
        existing = set(self._client.list_topics())
        for topic in wanted(partitions):
            if topic.name in existing:
                self._mend(topic, said)
            else:
                self._create(topic, replication, said)

    def make_anew(self, name: str) -> None:
        """Create one of our topics where it is missing, with one partition and as many replicas as the samples have.

        What is there stays as it is.
        """
        if name in set(self._client.list_topics()):
            return
        first = self._client.describe_topics([SAMPLES])[0]["partitions"][0]
        self._create(
            next(topic for topic in wanted(1) if topic.name == name), len(first["replica_nodes"]), _say_nothing
        )

    def _create(self, topic: Topic, replication: int, said: Callable[[str], None]) -> None:
        said(f"creating topic {topic.name} with {topic.partitions} partitions")
        request = {
            "num_partitions": topic.partitions,
            "replication_factor": replication,
            "configs": topic.config,
        }
        try:
            with needing(self._access, "Create", f"topic {topic.name}"):
                self._client.create_topics({topic.name: request}, wait_for_metadata=True)
        except TopicAlreadyExistsError:
            return  # another migrator was quicker
        except KafkaError as error:
            raise GigawattError(f"cannot create topic {topic.name}: {error}") from error

    def _mend(self, topic: Topic, said: Callable[[str], None]) -> None:
        self.require([Right("DescribeConfigs", "topic", topic.name)])
        found = self.config(topic.name)
        wrong = {key: value for key, value in topic.config.items() if found.get(key, value) != value}
        if wrong:
            self._set(topic, wrong, said)

    def keep(self, name: str) -> dict[str, str]:
        """Set back what of one of our topics' configuration would lose samples or misdate them; return what it was.

        The rest stays as it is: whoever runs the broker may have set it for now.
        """
        topic = next(topic for topic in wanted(1) if topic.name == name)
        found = self.config(name, _KEPT[name])
        was = {key: found[key] for key in _KEPT[name] if found.get(key, topic.config[key]) != topic.config[key]}
        if was:
            self._set(topic, {key: topic.config[key] for key in was}, _say_nothing)
        return was

    def _set(self, topic: Topic, wrong: dict[str, str], said: Callable[[str], None]) -> None:
        said(f"setting {', '.join(sorted(wrong))} of topic {topic.name}")
        try:
            done = self._client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic.name, configs=wrong)])
        except KafkaError as error:
            raise GigawattError(f"cannot configure topic {topic.name}: {error}") from error
        # It raises nothing that concerns one topic.
        if (answer := done.get("topic", {}).get(topic.name, _OK)) != _OK:
            if TopicAuthorizationFailedError.__name__ in answer:
                raise MissingRightError(missing_right(self._access, "AlterConfigs", f"topic {topic.name}"))
            raise GigawattError(f"cannot configure topic {topic.name}: {answer}")

    def config(self, topic: str, keys: Sequence[str] = ()) -> dict[str, str]:
        """Return the configuration of a topic, or these keys of it; empty where the broker does not report it."""
        resource = ConfigResource(ConfigResourceType.TOPIC, topic, configs=dict.fromkeys(keys) or None)
        try:
            answer = self._client.describe_configs([resource], config_filter="all")
        except (KafkaError, NotImplementedError):
            return {}
        described = answer.get("topic", {}).get(topic, {})
        return {key: str(entry["value"]) for key, entry in described.items()}

    def log_id(self, topic: str) -> str:
        """Return the identity of the log behind a topic: another one after the topic was created again.

        Offsets mean something only within one log.
        """
        described = self._described(topic)
        if described.get("error_code"):
            raise TopicMissingError(f"topic {topic} is missing at {self._bootstrap}; run: gigawatt migrate")
        return str(described.get("topic_id") or topic)

    def partitions(self, topic: str) -> list[int]:
        """Return the partition numbers of a topic."""
        return sorted(partition["partition_index"] for partition in self._described(topic)["partitions"])

    def _described(self, topic: str) -> dict[str, Any]:
        """Return what the broker says of a topic. Raises `MissingRightError`."""
        described: dict[str, Any] = (self._client.describe_topics([topic]) or [_MISSING])[0]
        if described.get("error_code") == TopicAuthorizationFailedError.errno:
            raise MissingRightError(missing_right(self._access, "Describe", f"topic {topic}"))
        return described

    def require(self, rights: Iterable[Right]) -> None:
        """Raise `MissingRightError` where this principal lacks one of these rights, as far as the broker reports."""
        for right in self.lacking(rights):
            raise MissingRightError(missing_right(self._access, *right.words))

    def lacking(self, rights: Iterable[Right]) -> list[Right]:
        """Return those of these rights that this principal does not have; what the broker does not tell is not lacking.

        Nothing is known of a topic that is not there.
        """
        return [right for right in rights if right.operation.upper() not in self._allowed(right.kind, right.name)]

    def _allowed(self, kind: str, name: str) -> Container[str]:
        """Return the names of operations without anything between the words, in capitals."""
        try:
            said = self._described(name) if kind == "topic" else self._client.describe_groups([name])[name]
        except (MissingRightError, AuthorizationError):
            return ()
        except (KafkaError, KeyError, NotImplementedError, ValueError):  # Tansu names operations that there are not
            return _ALL
        operations = said.get("authorized_operations")
        return {one.replace("_", "") for one in operations} if operations is not None else _ALL

    def unassigned(self, group: str, topic: str) -> set[int]:
        """Return the partitions that no member of a settled group has; none where the broker does not report it."""
        try:
            found = self._client.describe_groups([group])[group]
            if found["group_state"] != "Stable":
                return set()
            told = [member["member_assignment"] for member in found["members"]]
            parts = [part for one in told if isinstance(one, dict) for part in one["assigned_partitions"]]
        except (KafkaError, KeyError, NotImplementedError):
            return set()
        assigned = {number for part in parts if part["topic"] == topic for number in part["partitions"]}
        return set(self.partitions(topic)) - assigned

    def log_ends(self, topic: str) -> dict[int, tuple[int, int]]:
        """Return the first kept and the next free offset of each partition."""
        partitions = [TopicPartition(topic, number) for number in self.partitions(topic)]
        with needing(self._access, "Describe", f"topic {topic}"):
            starts = self._client.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.EARLIEST))
            ends = self._client.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST))
        return {tp.partition: (starts[tp].offset, ends[tp].offset) for tp in partitions}
