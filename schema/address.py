"""Where a process serves its metrics and health."""

import re
from typing import Final, NamedTuple

from schema.errors import GigawattError

OFF: Final = "off"
LOOPBACK: Final = "127.0.0.1"
_HOST_PORT: Final = re.compile(r"(?:([^\s:/]+|\[[0-9a-fA-F:]+\]):)?(\d{1,5})")
_HIGHEST_PORT: Final = 65_535


class Address(NamedTuple):
    """Where to serve; port 0 takes any that is free."""

    host: str
    port: int

    def __str__(self) -> str:
        """As it stands in a URL."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def address_of(text: str) -> Address | None:
    """Return the address that HOST:PORT names, or PORT, which is of this machine alone; None for `off`.

    Raises `GigawattError` for anything else.
    """
    if text == OFF:
        return None
    match = _HOST_PORT.fullmatch(text)
    if match is None or int(match[2]) > _HIGHEST_PORT:
        raise GigawattError(
            f"{text!r} is not an address for metrics; write HOST:PORT, PORT for loopback only, or {OFF}"
        )
    return Address((match[1] or LOOPBACK).strip("[]"), int(match[2]))
