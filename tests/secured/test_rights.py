"""Who may do what in Kafka: each role tries everything, on Kafka's own authorizer."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.admin import (
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ConfigResource,
    ConfigResourceType,
    ResourcePatternFilter,
    ResourceType,
)
from kafka.errors import AuthorizationError, KafkaError, TopicAlreadyExistsError
from kafka.structs import OffsetAndMetadata, TopicPartition

from schema.acls import named, roles
from schema.errors import GigawattError
from schema.kafka_acls import AclAdmin
from schema.kafka_client import Login
from schema.topics import REJECTED, SAMPLES
from tests.secured.broker import ROLES, Secured

ANYTHING = ACLFilter(
    None,
    None,
    ACLOperation.ANY,
    ACLPermissionType.ANY,
    ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY),
)
DOCS = Path(__file__).parents[2] / "docs" / "security.md"


class Person:
    """Somebody who knows the broker's address and a login, and tries."""

    def __init__(self, kafka: Secured, user: str) -> None:
        self._at = kafka.at()
        self._access = kafka.access(user)

    def _client(self, kind: type, **settings: object):
        return kind(bootstrap_servers=self._at, kafka_client=Login(self._access).client, **settings)

    def admin(self, do: Callable[[KafkaAdminClient], object]) -> object:
        client = self._client(KafkaAdminClient)
        try:
            return do(client)
        finally:
            client.close()

    def write(self, topic: str, **settings: object) -> None:
        producer = self._client(KafkaProducer, max_block_ms=5_000, **settings)
        try:
            producer.send(topic, b"{}", partition=0).get(20)
        except KafkaError as error:
            if "AuthorizationFailed" in str(error):  # of the producer's own beginning it is wrapped
                raise AuthorizationError(str(error)) from error
            raise
        finally:
            producer.close(timeout=2)

    def read(self, topic: str) -> None:
        consumer = self._client(KafkaConsumer, group_id=None, auto_offset_reset="earliest")
        try:
            if not consumer.partitions_for_topic(topic):
                raise AuthorizationError("it is not seen")
            consumer.assign([TopicPartition(topic, 0)])
            for _ in range(40):
                if consumer.poll(250):
                    return
            raise AssertionError("nothing was read and nothing forbidden")
        finally:
            consumer.close()

    def commit(self, group: str) -> None:
        consumer = self._client(KafkaConsumer, group_id=group, enable_auto_commit=False)
        try:
            partition = TopicPartition(SAMPLES, 0)
            consumer.assign([partition])
            consumer.commit({partition: OffsetAndMetadata(0, "", -1)})
        finally:
            consumer.close(autocommit=False)

    def create(self, topic: str) -> None:
        try:
            self.admin(lambda client: client.create_topics({topic: {"num_partitions": 1, "replication_factor": 1}}))
        except TopicAlreadyExistsError:
            return  # it was allowed to try

    def alter(self, topic: str) -> None:
        wanted = ConfigResource(ConfigResourceType.TOPIC, topic, configs={"retention.ms": "259200000"})
        done = self.admin(lambda client: client.alter_configs([wanted], raise_on_unknown=False))
        if done["topic"][topic] != "OK":
            raise AuthorizationError(done["topic"][topic])

    def settings(self, topic: str) -> None:
        wanted = ConfigResource(ConfigResourceType.TOPIC, topic)
        if not self.admin(lambda client: client.describe_configs([wanted], config_filter="all"))["topic"][topic]:
            raise AuthorizationError("nothing is told")

    def transact(self) -> None:
        producer = self._client(KafkaProducer, transactional_id="a", max_block_ms=5_000)
        try:
            producer.init_transactions()
        finally:
            producer.close(timeout=2)

    def describe(self, topic: str) -> None:
        if topic not in self.admin(lambda client: client.list_topics()):
            raise AuthorizationError("it is not seen")


TRIED: dict[str, Callable[[Person], object]] = {
    f"write {SAMPLES}": lambda person: person.write(SAMPLES, enable_idempotence=True),
    f"write {REJECTED}": lambda person: person.write(REJECTED, enable_idempotence=False),
    f"read {SAMPLES}": lambda person: person.read(SAMPLES),
    f"read {REJECTED}": lambda person: person.read(REJECTED),
    f"see {SAMPLES}": lambda person: person.describe(SAMPLES),
    f"see {REJECTED}": lambda person: person.describe(REJECTED),
    "read internal topics": lambda person: person.read("__consumer_offsets"),
    f"see settings of {SAMPLES}": lambda person: person.settings(SAMPLES),
    f"set {SAMPLES}": lambda person: person.alter(SAMPLES),
    f"set {REJECTED}": lambda person: person.alter(REJECTED),
    "create our topics": lambda person: person.create(SAMPLES),
    "create other topics": lambda person: person.create("other"),
    f"delete {SAMPLES}": lambda person: person.admin(lambda client: client.delete_topics([SAMPLES])),
    "commit for workers": lambda person: person.commit("gigawatt"),
    "commit for another group": lambda person: person.commit("other"),
    "see who may what": lambda person: person.admin(lambda client: client.describe_acls(ANYTHING)),
    "send transactions": lambda person: person.transact(),
}
ALLOWED: dict[str, set[str]] = {
    "producer": {f"write {SAMPLES}", f"see {SAMPLES}", f"see settings of {SAMPLES}"},
    "spooler": {f"write {SAMPLES}", f"read {SAMPLES}", f"see {SAMPLES}", f"see settings of {SAMPLES}"},
    "worker": {
        *(f"read {SAMPLES}", f"see {SAMPLES}", f"see settings of {SAMPLES}"),
        *(f"write {REJECTED}", f"see {REJECTED}", "commit for workers"),
    },
    "migrate": {
        *(f"see {SAMPLES}", f"see {REJECTED}", f"see settings of {SAMPLES}"),
        *(f"set {SAMPLES}", f"set {REJECTED}", "create our topics"),
    },
    "audit": {f"read {SAMPLES}", f"read {REJECTED}", f"see {SAMPLES}", f"see {REJECTED}"},
    "status": {f"see {SAMPLES}", f"see {REJECTED}"},
    "nobody": set(),
}


@pytest.fixture(scope="module")
def filled(secured: Secured) -> Secured:
    """Something can be read."""
    for topic in (SAMPLES, REJECTED):
        Person(secured, "admin").write(topic)
    Person(secured, "admin").commit("gigawatt")
    return secured


@pytest.mark.parametrize("what", TRIED)
@pytest.mark.parametrize("role", ALLOWED)
def test_a_role_may_do_what_it_is_for_and_nothing_else(filled, role, what):
    person = Person(filled, role)

    if what in ALLOWED[role]:
        TRIED[what](person)
    else:
        with pytest.raises(AuthorizationError):
            TRIED[what](person)


def gigawatt(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gigawatt", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_the_command_gives_what_is_missing_and_says_what_is_more(secured):
    config = str(secured.config("admin"))
    first = gigawatt("acls", "producer=fresh", "--kafka-config", config, "--apply")
    again = gigawatt("acls", "producer=fresh", "--kafka-config", config, "--apply")
    other = gigawatt("acls", "status=User:fresh", "--kafka-config", config, "--apply")

    assert (first.stdout, first.returncode) == ("User:fresh: 3 rights granted, 0 already present\n", 0), first.stderr
    assert again.stdout == "User:fresh: 0 rights granted, 3 already present\n"
    assert other.stdout.splitlines() == [
        "User:fresh: 1 rights granted, 1 already present",
        f"User:fresh also has DescribeConfigs on topic {SAMPLES}, which none of its roles needs",
        f"User:fresh also has Write on topic {SAMPLES}, which none of its roles needs",
    ]


def test_who_may_not_give_rights_is_told(secured):
    done = gigawatt("acls", "producer=audit", "--kafka-config", str(secured.config("audit")), "--apply")

    assert done.returncode == 1
    assert "Kafka denies Describe on the cluster to User:audit" in done.stderr
    assert done.stderr.count("\n") == 1


def test_rights_are_shown_as_kafkas_own_lines():
    done = gigawatt("acls", "status=User:CN=a b", "--kafka", "kafka:9093")

    assert done.stdout.splitlines()[0] == (
        "kafka-acls.sh --bootstrap-server kafka:9093 --command-config admin.properties --add "
        f"--allow-principal 'User:CN=a b' --operation Describe --topic {SAMPLES}"
    )
    assert len(done.stdout.splitlines()) == 2


@pytest.mark.parametrize("text", ["producer", "producer=", "boss=a", "producer=*", "producer=User:*", "=a"])
def test_what_is_no_role_or_everybody_is_an_error(text):
    with pytest.raises(GigawattError):
        named(text)


def test_a_broker_without_an_authorizer_says_so(kafka):
    with AclAdmin(kafka.bootstrap) as admin, pytest.raises(GigawattError, match=r"authorizer\.class\.name"):
        admin.rights_of("User:a")


def test_the_table_of_the_docs_is_the_file():
    """docs/security.md lists role, resource and operations."""
    rows = re.findall(r"^\| `(\w+)` \| (topic|group) `([\w.]+)` \| ([\w, ]+) \|", DOCS.read_text("utf-8"), re.MULTILINE)

    told = {(role, kind, name): set(operations.split(", ")) for role, kind, name, operations in rows}
    held: dict[tuple[str, str, str], set[str]] = {}
    for role, rights in roles().items():
        for right in rights:
            held.setdefault((role, right.kind, right.name), set()).add(right.operation)
    assert told == held
    assert set(ROLES) == set(roles())
