"""What a worker asks of the broker now and then, and what a dead letter has."""

from dataclasses import dataclass, field

from structlog.testing import capture_logs

from schema.errors import GigawattError
from schema.topics import SAMPLES
from streams.app import Clock


@dataclass
class Broker:
    """Dates messages of a topic by its producers, and lets that be changed or not."""

    by_producers: bool = False
    may_be_set: bool = True
    asked: list[str] = field(default_factory=list)

    def date_by_append(self, name: str) -> bool:
        self.asked.append(name)
        if self.by_producers and not self.may_be_set:
            raise GigawattError("not allowed")
        was, self.by_producers = self.by_producers, False
        return was


def test_the_broker_dates_the_samples_again_and_that_is_said_once():
    broker, clock = Broker(by_producers=True), Clock()
    with capture_logs() as said:
        clock.set_again(broker)
        clock.set_again(broker)
    assert broker.asked == [SAMPLES] * 2
    assert [line["log_level"] for line in said] == ["warning"]


def test_a_clock_that_cannot_be_set_is_told_once_and_ends_nothing():
    broker, clock = Broker(by_producers=True, may_be_set=False), Clock()
    with capture_logs() as said:
        clock.set_again(broker)
        clock.set_again(broker)
    assert [line["error"] for line in said] == ["not allowed"]
