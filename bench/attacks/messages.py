"""Attacks by messages in the samples topic, which everybody on the machine may write."""

import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Final

import numpy as np
from kafka import KafkaAdminClient, KafkaProducer
from kafka.errors import KafkaError

from bench.attacks.attack import Attack, Target
from producers.batches import Column, build
from schema.encoding import encode, encode_ndjson
from schema.topics import MAX_MESSAGE_BYTES, REJECTED, SAMPLES

_KEYS: Final = 64
_DELETED_EVERY_S: Final = 5.0

Messages = Callable[[], Iterator[bytes]]


def _message(rows: int, **columns: Column) -> bytes:
    """Return samples of an attacker's own site, packed; those of no column that is named are alike."""
    alike: Mapping[str, Column] = {
        "ts": np.full(rows, int(time.time() * 1000) - 60_000), "interval_ms": 1_000, "site": "attack",
        "fleet": "attack", "platform": "nvidia", "model": "h100-sxm", "host": "attacker", "chip": "attacker/0",
        "power_w": 1.0, "power_method": "sensor",
    }  # fmt: skip
    return encode(build(rows, {**alike, **columns}), compression="zstd")


def _names(rows: int, start: int = 0) -> list[str | None]:
    return [f"attack {number}" for number in range(start, start + rows)]


def _published(messages: Messages, every_s: float) -> Callable[[Target], Callable[[], None]]:
    """Return what publishes these, one every so many seconds."""

    def prepare(target: Target) -> Callable[[], None]:
        producer, values = _producer(target), messages()
        first = next(values)
        return lambda: _publish(producer, itertools.chain([first], values), every_s)

    return prepare


def _producer(target: Target) -> KafkaProducer:
    return KafkaProducer(
        bootstrap_servers=target.kafka, max_request_size=MAX_MESSAGE_BYTES, compression_type="lz4", retries=3
    )


def _publish(producer: KafkaProducer, values: Iterator[bytes], every_s: float) -> None:
    for number, value in enumerate(values):
        began = time.monotonic()
        with suppress(KafkaError):
            producer.send(SAMPLES, key=b"attacker %d" % (number % _KEYS), value=value).get(30)
        time.sleep(max(0.0, began + every_s - time.monotonic()))


def _without_their_topic(target: Target) -> Callable[[], None]:
    """Rows that are rejected, and their topic is deleted every few seconds."""
    producer, value = _producer(target), _message(1_000, power_w=-1.0)
    admin = KafkaAdminClient(bootstrap_servers=target.kafka)

    def go() -> None:
        deleted = 0.0
        for number in itertools.count():
            if time.monotonic() - deleted > _DELETED_EVERY_S:
                deleted = time.monotonic()
                with suppress(KafkaError):
                    admin.delete_topics([REJECTED])
            with suppress(KafkaError):
                producer.send(SAMPLES, key=b"attacker %d" % (number % _KEYS), value=value)
            time.sleep(0.1)

    return go


def _many_fleets() -> Iterator[bytes]:
    for start in itertools.count(step=100_000):
        yield _message(100_000, fleet=_names(100_000, start))


def _unfolding() -> Iterator[bytes]:
    """Hours of many fleets, of one power each or of many; of either, as many pass as may."""
    bins = 32
    plain = _message(1_000, interval_ms=3_600_000, fleet=_names(1_000))
    spread = _message(
        80 * bins,
        interval_ms=3_600_000,
        fleet=[f"attack {row // bins}" for row in range(80 * bins)],
        power_w=np.tile(np.geomspace(1.0, 60.0, bins), 80),
    )
    yield from itertools.cycle((plain, spread))


def _slow_lines() -> Iterator[bytes]:
    rows = 8_000
    columns: Mapping[str, Column] = {
        "ts": np.full(rows, int(time.time() * 1000) - 60_000), "interval_ms": 1_000, "site": "attack",
        "fleet": "attack", "platform": "nvidia", "model": "h100-sxm", "host": "attacker", "chip": _names(rows),
        "power_w": 1.0, "power_method": "sensor",
    }  # fmt: skip
    lines = encode_ndjson(build(rows, columns)).splitlines()
    lines[:: rows // 100] = [b'{"ts": "yesterday", "power_w": {}}'] * len(lines[:: rows // 100])
    broken = b"{}\n" * 100_000 + b"{\n"
    yield from itertools.cycle((b"\n".join(lines), broken))


def _new_jobs() -> Iterator[bytes]:
    for start in itertools.count(step=100_000):
        yield _message(100_000, job=_names(100_000, start))


def _new_hosts() -> Iterator[bytes]:
    for start in itertools.count(step=10_000):
        yield _message(10_000, host=_names(10_000, start), chip=_names(10_000, start))


MESSAGES: Final = (
    Attack("letters", "rows to reject, ten messages a second; their topic deleted every 5 s", _without_their_topic),
    Attack("fleets", "100,000 new fleets in a message, one a second", _published(_many_fleets, 1.0)),
    Attack("lines", "JSON lines that are broken or disagree, one message a second", _published(_slow_lines, 1.0)),
    Attack("jobs", "100,000 new jobs in a message, one a second", _published(_new_jobs, 1.0)),
    Attack("hosts", "10,000 new hosts in a message, one a second", _published(_new_hosts, 1.0)),
    Attack(
        "unfolding",
        "hours of many fleets or powers, millions of sums in 10 KB, one a second",
        _published(_unfolding, 1.0),
    ),
)
