"""Kafka with the variables of docker-compose.yml: every one counts, and clients of network and host can go on."""

import re

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from schema.kafka import KafkaAdmin
from schema.topics import SAMPLES
from tests.gigawatt.running import gigawatt


def test_every_variable_is_a_setting_of_the_broker(composed):
    """What Kafka does not know it passes over, with a line in its log at most."""
    admin = KafkaAdminClient(bootstrap_servers=composed.network)
    node = ConfigResource(ConfigResourceType.BROKER, composed.given["KAFKA_NODE_ID"])
    settings = admin.describe_configs([node], config_filter="all")["broker"][node.name]
    admin.close()

    given = {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in composed.given.items()
        if name.startswith("KAFKA_")
    }
    assert {name: settings.get(name, {}).get("value") for name in given} == given


@pytest.mark.parametrize("side", ["network", "host"])
def test_a_producer_goes_on_at_the_address_that_it_is_told(composed, side):
    """The first connection is to the published address, all others are to the advertised one."""
    with KafkaAdmin(composed.network) as admin:
        admin.ensure(12)
        before = sum(end for _, end in admin.log_ends(SAMPLES).values())
        done = gigawatt("produce", "simulated", "--chips", "8", "--once", "--to", getattr(composed, side))
        after = sum(end for _, end in admin.log_ends(SAMPLES).values())

    assert (done.returncode, re.findall("(?i)error", done.stderr)) == (0, []), done.stderr
    assert after > before
