"""One secured Apache Kafka for the tests of this folder."""

from collections.abc import Iterator

import pytest
from kafka import KafkaAdminClient

from schema.acls import roles
from schema.kafka_access import OPEN
from schema.kafka_acls import AclAdmin
from schema.topics import REJECTED, SAMPLES
from tests.secured.broker import ROLES, Secured, secured_kafka
from tests.stack import wait_for


@pytest.fixture(scope="session")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """Apache Kafka with the topics of Gigawatt and a user for each role, who has the rights of it."""
    with secured_kafka(tmp_path_factory.mktemp("secured")) as kafka:
        with AclAdmin(kafka.clear, access=OPEN) as admin:
            admin.ensure(2)
            for role in ROLES:
                admin.allow(f"User:{role}", roles()[role])
        yield kafka


def without_topics(kafka: Secured) -> None:
    """Take our topics away, for tests that make them."""
    admin = KafkaAdminClient(bootstrap_servers=kafka.clear)
    admin.delete_topics([name for name in admin.list_topics() if name in {SAMPLES, REJECTED}])
    wait_for(lambda: not {SAMPLES, REJECTED} & set(admin.list_topics()), 30)
    admin.close()
