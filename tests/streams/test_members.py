"""The group's leader survives members that are no workers."""

import io

import faust
import pytest
from aiokafka.coordinator.protocol import ConsumerProtocol, ConsumerProtocolMemberMetadata

from schema.topics import SAMPLES
from streams import members


class Cluster:
    """Knows how many partitions the topic has."""

    def partitions_for_topic(self, topic: str) -> set[int]:
        return set(range(4)) if topic == SAMPLES else set()


@pytest.fixture
def assignor() -> members.Assignor:
    app = faust.App(
        "gigawatt-test", broker="kafka://127.0.0.1:1", store="memory://", PartitionAssignor=members.Assignor
    )
    assert isinstance(app.assignor, members.Assignor)
    return app.assignor


def said(user_data: bytes) -> ConsumerProtocolMemberMetadata:
    return ConsumerProtocolMemberMetadata(4, [SAMPLES], user_data)


@pytest.mark.parametrize(
    "user_data",
    [
        b"garbage",
        b"",
        b"null",
        b"\xff",
        b'{"assignment": {"actives": {"chip.samples": [9]}, "standbys": {}}, "url": "x", "changelog_distribution": {}}',
    ],
)
def test_a_member_that_is_no_worker_gets_nothing(assignor: members.Assignor, user_data: bytes):
    ours = assignor.metadata({SAMPLES})
    found = assignor.assign(Cluster(), {"worker": ours, "other": said(user_data)})
    assert {name: list(one.assignment) for name, one in found.items()} == {"worker": [(SAMPLES, [0, 1, 2, 3])]}


def test_what_is_wrong_with_a_worker_itself_is_raised(assignor: members.Assignor):
    with pytest.raises(AttributeError):
        assignor.assign(None, {"worker": assignor.metadata({SAMPLES})})


def test_metadata_that_cannot_be_taken_apart_says_nothing():
    members.install()
    assert ConsumerProtocol.METADATA.decode(b"\xff").user_data == b""
    ours = ConsumerProtocolMemberMetadata(4, [SAMPLES], b"x").encode()
    assert ConsumerProtocol.METADATA.decode(io.BytesIO(ours)).subscription == [SAMPLES]
