"""One secured Apache Kafka for the tests of this folder."""

from collections.abc import Iterator

import pytest

from schema.acls import roles
from schema.kafka_access import OPEN
from schema.kafka_acls import AclAdmin
from tests.secured.broker import ROLES, Secured, secured_kafka


@pytest.fixture(scope="session")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """Apache Kafka with the topics of Gigawatt and a user for each role, who has the rights of it."""
    with secured_kafka(tmp_path_factory.mktemp("secured")) as kafka:
        with AclAdmin(kafka.clear, access=OPEN) as admin:
            admin.ensure(2)
            for role in ROLES:
                admin.allow(f"User:{role}", roles()[role])
        yield kafka
