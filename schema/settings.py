"""Settings from the environment: `GIGAWATT_*`, then defaults. Flags of a command go before both.

A dataclass, not pydantic-settings: a producer on every host of the fleet pays for what it imports, 10 MB in that case.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from schema.address import OFF
from schema.errors import GigawattError

LOG_FORMATS: Final = ("lines", "json")
LOG_LEVELS: Final = ("debug", "info", "warning", "error")
_PREFIX = "GIGAWATT_"
_ADDRESS = re.compile(r"([^\s:/,]+|\[[0-9a-fA-F:]+\]):\d{1,5}")
_USER = re.compile(r"//[^/@]*@")


def kafka_addresses(text: str) -> list[str]:
    """Return the brokers named in a list such as `a:9092,b:9092`. Raises `GigawattError` for what is no such list."""
    addresses = text.split(",")
    if not all(_ADDRESS.fullmatch(address) for address in addresses):
        raise GigawattError(f"{text!r} is not a Kafka address; write HOST:PORT, several separated by commas")
    return addresses


@dataclass(frozen=True)
class Settings:
    """What most commands need to know; each field is the variable `GIGAWATT_` and its name in capitals.

    `kafka` is HOST:PORT of a broker, or several with commas between; `clickhouse` a URL with user and password.
    `partitions` are of the samples topic and `replication` the copies of each topic, when it is created. `site` and
    `fleet` say where this machine's chips stand and in which pool they are budgeted. `metrics` is where a process that
    runs for long serves its metrics and health, or `off`; `log_format` and `log_level` are those of its log.
    """

    kafka: str = "127.0.0.1:9092"
    clickhouse: str = "http://127.0.0.1:8123"
    partitions: int = 12
    replication: int = 1
    site: str = "default"
    fleet: str = "default"
    metrics: str = OFF
    log_format: str = "lines"
    log_level: str = "info"

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Return the settings of this environment. Raises `GigawattError` for a value that cannot be."""
        read: dict[str, Any] = {}
        for field in fields(cls):
            name = f"{_PREFIX}{field.name.upper()}"
            if name in environment:
                read[field.name] = _count(name, environment[name]) if field.type is int else environment[name]
        kafka_addresses(read.get("kafka", cls.kafka))
        return cls(**read)


def _count(name: str, text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise GigawattError(f"{name}={text} is not valid; write a whole number of at least 1")
    return int(text)


def clickhouse_address(url: str) -> SplitResult:
    """Return the parts of a ClickHouse URL. Raises `GigawattError`, without user and password, when it is none."""
    no_address = GigawattError(f"{_USER.sub('//', url)!r} is not a ClickHouse address; write it as http://host:8123")
    try:
        parts = urlsplit(url)
        if parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0:
            return parts
    except ValueError as error:  # such as a port beyond 65535
        raise no_address from error
    raise no_address
