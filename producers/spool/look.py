"""Looking whether messages arrived: the headers of a stretch of the topic are compared, nothing else is.

A process that was killed does not know what became of its last messages. They lie, if they do, in the partitions that
their keys have, behind the last one that was acknowledged there; where none was, behind the time of the first of them.
"""

import time
from collections.abc import Sequence
from typing import Final

from kafka import KafkaConsumer
from kafka.errors import AuthorizationError, KafkaError
from kafka.structs import TopicPartition

from producers.spool.mark import Mark
from producers.spool.terms import HEADER, Doubt, NoRightError, Seen, header_value, partition_of
from schema import readback  # noqa: F401  it unpacks what the worker unpacks
from schema.errors import GigawattError
from schema.kafka_access import OPEN, KafkaAccess
from schema.kafka_client import Login
from schema.kafka_refused import missing_right
from schema.topics import MAX_MESSAGE_BYTES

SLACK_MS: Final = 600_000
"""So much clocks may differ beyond what is known of them, and a message may be under way."""
_WITHIN_MS: Final = 10_000
_POLL_MS: Final = 500
_SILENCE_S: Final = 10.0


def look(bootstrap: str, topic: str, doubts: Sequence[Doubt], mark: Mark, access: KafkaAccess = OPEN) -> Seen:
    """Return which of the messages in doubt are in the topic.

    Raises `NoRightError` when this producer may not read it, `GigawattError` when the broker does not answer.
    """
    consumer, login = None, Login(access)
    try:
        consumer = KafkaConsumer(
            bootstrap_servers=bootstrap,
            client_id="gigawatt-produce",
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",  # what is deleted meanwhile is an error, and looked for again
            max_partition_fetch_bytes=2 * MAX_MESSAGE_BYTES,
            kafka_client=login.client,
        )
        there = frozenset(consumer.partitions_for_topic(topic) or ())
        if not there:
            raise GigawattError(f"topic {topic} is missing at {bootstrap}; run: gigawatt migrate")
        where = {
            one.number: frozenset(partition_of(one.key, count) for count in mark.partitions) or there for one in doubts
        }
        parts = [TopicPartition(topic, number) for number in sorted(frozenset().union(*where.values()) & there)]
        starts = _starts(consumer, parts, min(one.time_ms for one in doubts), mark)
        until_ms = None
        if mark.ahead_ms is not None:  # only where times are the broker's own do they grow with the offsets
            until_ms = max(one.time_ms for one in doubts) + mark.ahead_ms + SLACK_MS
        arrived = _compare(consumer, {part: start for part, (start, _) in starts.items()}, doubts, until_ms)
    except AuthorizationError as error:
        right = missing_right(access, "Read", f"topic {topic}")
        raise NoRightError(
            f"samples that may have arrived are not sent again, because they cannot be looked up: {right}"
        ) from error
    except (KafkaError, OSError) as error:
        raise GigawattError(f"cannot read {topic}: {login.refusal or type(error).__name__}") from error
    finally:
        if consumer is None:
            login.close()
        else:
            consumer.close()
    cut = {part.partition for part, (_, deleted) in starts.items() if deleted}
    missing = {one.number for one in doubts} - arrived.keys()
    return Seen(arrived, frozenset(number for number in missing if where[number] & cut))


def _starts(
    consumer: KafkaConsumer, parts: list[TopicPartition], first_ms: int, mark: Mark
) -> dict[TopicPartition, tuple[int, bool]]:
    """Return where looking begins in each partition, and whether something before that place was deleted."""
    since_ms = max(0, first_ms + (mark.ahead_ms or 0) - SLACK_MS)
    begins, ends = consumer.beginning_offsets(parts), consumer.end_offsets(parts)
    since = consumer.offsets_for_times(dict.fromkeys(parts, since_ms), _WITHIN_MS)
    starts: dict[TopicPartition, tuple[int, bool]] = {}
    for part in parts:
        begin, place = begins[part], mark.places.get(part.partition)
        if place is None:
            place = since[part].offset if since.get(part) else ends[part]
            starts[part] = max(begin, place), 0 < begin >= place
        else:
            starts[part] = max(begin, place), begin > place
    return starts


def _compare(
    consumer: KafkaConsumer, starts: dict[TopicPartition, int], doubts: Sequence[Doubt], until_ms: int | None
) -> dict[int, tuple[int, int]]:
    """Read up to the end, or a time of the broker, and return the places of the messages in doubt.

    The end is what fetching says: Tansu's answer to the question for the last offset is that of its last batch's first.
    """
    wanted = {header_value(one.identity, one.number): one for one in doubts}
    arrived: dict[int, tuple[int, int]] = {}
    consumer.assign(list(starts))
    for part, start in starts.items():
        consumer.seek(part, start)
    left, places, moved_s = set(starts), dict(starts), time.monotonic()
    while left and len(arrived) < len(wanted):
        ended = set()
        for part, records in consumer.poll(_POLL_MS).items():
            for record in records:
                one = wanted.get(dict(record.headers).get(HEADER, b""))
                if one is not None and record.key == one.key:
                    arrived.setdefault(one.number, (record.partition, record.offset))
            if until_ms is not None and records[-1].timestamp > until_ms:
                ended.add(part)
        now = {part: consumer.position(part) for part in left}
        ended |= {part for part in left if (end := consumer.highwater(part)) is not None and now[part] >= end}
        left -= ended
        consumer.pause(*ended)
        if now != places:
            places, moved_s = now, time.monotonic()
        elif time.monotonic() - moved_s > _SILENCE_S:
            raise GigawattError("the topic stopped answering before it was read")
    return arrived
