"""What a worker checks besides the messages: the topic, its configuration, and that each partition is read."""

import asyncio
from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs

from schema.errors import GigawattError
from schema.topics import REJECTED, SAMPLES
from streams.watch import Configured, OtherLogError, Watch


@dataclass
class Broker:
    """A topic's configuration that differs from ours, and that may be set or not."""

    differs: dict[str, str] = field(default_factory=dict)
    may_be_set: bool = True
    asked: list[str] = field(default_factory=list)

    def log_id(self, topic: str) -> str:
        return "log"

    def unassigned(self, group: str, topic: str) -> set[int]:
        return set()

    def keep(self, name: str) -> dict[str, str]:
        self.asked.append(name)
        if self.differs and not self.may_be_set:
            raise GigawattError("not allowed")
        was, self.differs = self.differs, {}
        return was


class Worker:
    """A watch with a clock of its own that counts how often the group is joined again."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.joined = 0
        self.watch = Watch("nowhere:1", "log", "group", self.join, clock=lambda: self.now_s)

    async def join(self) -> None:
        self.joined += 1

    def sees(self, unread: set[int], after_s: float = 10.0, log_id: str = "log") -> int:
        self.now_s += after_s
        asyncio.run(self.watch.act(log_id, unread))
        return self.joined


def test_the_configuration_is_set_back_and_that_is_logged_once():
    broker, configured = Broker({"cleanup.policy": "compact"}), Configured()
    with capture_logs() as said:
        configured.set_again(broker)
        configured.set_again(broker)
    assert broker.asked == [SAMPLES, REJECTED] * 2
    assert [line["settings"] for line in said] == ["cleanup.policy was compact"]


def test_a_configuration_that_cannot_be_set_is_logged_once_and_ends_nothing():
    broker, configured = Broker({"cleanup.policy": "compact"}, may_be_set=False), Configured()
    with capture_logs() as said:
        configured.set_again(broker)
        configured.set_again(broker)
    assert [line["error"] for line in said] == ["not allowed"]


def test_a_topic_that_was_made_anew_ends_the_worker():
    with pytest.raises(OtherLogError):
        Worker().sees(set(), log_id="another")


def test_a_partition_that_nobody_reads_twice_in_a_row_has_the_worker_join_again():
    worker = Worker()
    assert [worker.sees(unread) for unread in ({12}, {13}, set(), {12})] == [0, 0, 0, 0]
    assert worker.sees({12}) == 1


def test_it_does_not_join_again_at_every_look():
    worker = Worker()
    assert [worker.sees({12}) for _ in range(6)] == [0, 1, 1, 1, 2, 2]
