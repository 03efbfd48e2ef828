"""The Kafka topics: their names, their configuration, and nothing else."""

from dataclasses import dataclass, field
from typing import Final

SAMPLES: Final = "chip.samples"
REJECTED: Final = "chip.samples.rejected"
LOST: Final = "messages lost before they were stored (deleted from the topic, or unreadable)"
MADE_ANEW: Final = "the topic was deleted and created again; messages that were not stored are lost"
"""The words of the worker's log, the rules, `status` and `audit`."""
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
