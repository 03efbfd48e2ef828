"""Looking whether messages arrived: the headers of a stretch of the topic are compared, nothing else is.

A process that was killed does not know what became of its last messages. They lie, if they do, in the partitions that
their keys have, behind the last one that was acknowledged there; where none was, behind the time of the first of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from kafka import KafkaConsumer
from kafka.errors import AuthorizationError, KafkaError
from kafka.structs import TopicPartition

from producers.spool.mark import Mark
from producers.spool.terms import HEADER, Doubt, NoRightError, Seen, header_value, partition_of
from schema.errors import GigawattError
from schema.readback import read_log

SLACK_MS: Final = 600_000
"""So much clocks may differ beyond what is known of them, and a message may be under way."""
_WITHIN_MS: Final = 10_000


def look(bootstrap: str, topic: str, doubts: Sequence[Doubt], mark: Mark) -> Seen:
    """Return which of the messages in doubt are in the topic.

    Raises `NoRightError` when this producer may not read it, `GigawattError` when the broker does not answer.
    """
    try:
        where = _where(bootstrap, topic, doubts, mark)
        return _compare(bootstrap, topic, doubts, where)
    except AuthorizationError as error:
        raise NoRightError(f"this producer may not read {topic}: allow it, so that a restart loses nothing") from error
    except (KafkaError, OSError) as error:
        raise GigawattError(f"cannot look into {topic}: {type(error).__name__}") from error


@dataclass(frozen=True)
class _Where:
    """The stretch of each partition, who may lie there, and the partitions of which the beginning was deleted."""

    spans: dict[int, tuple[int, int]]
    partitions: dict[int, frozenset[int]]
    cut: frozenset[int]


def _where(bootstrap: str, topic: str, doubts: Sequence[Doubt], mark: Mark) -> _Where:
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap, client_id="gigawatt-produce", group_id=None, enable_auto_commit=False
    )
    try:
        there = frozenset(consumer.partitions_for_topic(topic) or ())
        if not there:
            raise GigawattError(f"topic {topic} is missing at {bootstrap}; run: gigawatt migrate")
        wanted = {
            one.number: frozenset(partition_of(one.key, count) for count in mark.partitions) or there for one in doubts
        }
        parts = [TopicPartition(topic, number) for number in sorted(frozenset().union(*wanted.values()) & there)]
        ahead_ms = mark.ahead_ms or 0
        first_ms = max(0, min(one.time_ms for one in doubts) + ahead_ms - SLACK_MS)
        last_ms = max(0, max(one.time_ms for one in doubts) + ahead_ms + SLACK_MS)
        begins, ends = consumer.beginning_offsets(parts), consumer.end_offsets(parts)
        since = consumer.offsets_for_times(dict.fromkeys(parts, first_ms), _WITHIN_MS)
        # Only where times are the broker's own do they grow with the offsets.
        until = {} if mark.ahead_ms is None else consumer.offsets_for_times(dict.fromkeys(parts, last_ms), _WITHIN_MS)
    finally:
        consumer.close()
    spans: dict[int, tuple[int, int]] = {}
    cut: set[int] = set()
    for part in parts:
        begin, end = begins[part], until[part].offset if until.get(part) else ends[part]
        place = mark.places.get(part.partition)
        if place is None:
            place = since[part].offset if since.get(part) else ends[part]
            deleted = 0 < begin >= place
        else:
            deleted = begin > place
        spans[part.partition] = (max(begin, place), end)
        if deleted:
            cut.add(part.partition)
    return _Where(spans, wanted, frozenset(cut))


def _compare(bootstrap: str, topic: str, doubts: Sequence[Doubt], where: _Where) -> Seen:
    left = {header_value(one.identity, one.number): one for one in doubts}
    arrived: dict[int, tuple[int, int]] = {}
    for record in read_log(bootstrap, topic, where.spans):
        one = left.get(record.headers.get(HEADER, b""))
        if one is not None and record.key == one.key:
            arrived.setdefault(one.number, (record.partition, record.offset))
            if len(arrived) == len(left):
                break
    missing = {one.number for one in doubts} - arrived.keys()
    return Seen(arrived, frozenset(number for number in missing if where.partitions[number] & where.cut))
