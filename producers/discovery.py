"""How a source says whether this machine has what it reads.

A source of a chip's own interface has, beside what `producers.source` asks of its file, `PLATFORM` (the platform it is
of), `PREFERENCE` (where several sources can read the same chips, the one with the lowest is read, so that no chip is
counted twice) and `look(machine: Machine) -> Finding`. `gigawatt produce auto` asks all of them.
"""

import importlib
import os
import pkgutil
import shutil
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import click
import structlog

from producers import sources
from producers.said import reason_of
from producers.source import Source, Where

_LOOKS_WITHIN_S: Final = 5.0
_ANSWERS_WITHIN_S: Final = 0.5


def listens(host: str, port: int) -> bool:
    """Say whether anything accepts connections there."""
    try:
        socket.create_connection((host, port), timeout=_ANSWERS_WITHIN_S).close()
    except OSError:
        return False
    return True


@dataclass(frozen=True)
class Machine:
    """The machine that is looked at: where its `/sys` and `/dev` hang, its environment, its commands and listeners."""

    root: Path = Path("/")
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    which: Callable[[str], str | None] = shutil.which
    listens: Callable[[str, int], bool] = listens


@dataclass(frozen=True)
class Finding:
    """What a look found, in one line for the operator: what is there, or what is missing and how to get it.

    `options` is what `open_source` is to be called with (an option that is not named keeps its default); None where
    the source has nothing to read here.
    """

    says: str
    options: Mapping[str, Any] | None = None

    @property
    def found(self) -> bool:
        """Whether the source can be read here."""
        return self.options is not None


class Discoverable(Protocol):
    """A file of `producers/sources` that can be looked for."""

    PLATFORM: str
    PREFERENCE: int
    OPTIONS: Sequence[click.Parameter]

    def look(self, machine: Machine) -> Finding:
        """Say what there is for this source; quick, and without an exception."""

    def open_source(self, where: Where, **options: Any) -> Source:
        """Make the source from its own options."""


@dataclass(frozen=True)
class Offer:
    """A source with what its look found."""

    name: str
    source: Discoverable
    finding: Finding

    def open(self, where: Where) -> Source:
        """Open the source as its look said, every other flag at its default."""
        flags = click.Command(self.name, params=list(self.source.OPTIONS)).make_context(self.name, []).params
        return self.source.open_source(where, **{**flags, **(self.finding.options or {})})


def discoverable() -> dict[str, Discoverable]:
    """Import the files of `producers/sources` that can be looked for, and return them by name.

    One that cannot be imported, for instance over a vendor's library that is broken, is said and left out.
    """
    found: dict[str, Discoverable] = {}
    for name in sorted(module.name for module in pkgutil.iter_modules(sources.__path__)):
        # Seen before it is imported: a player of files or fleets would bring 7 MB of libraries along.
        if "def look(" not in (Path(sources.__path__[0]) / f"{name}.py").read_text():
            continue
        try:
            module: Any = importlib.import_module(f"{sources.__name__}.{name}")
        except Exception as error:  # noqa: BLE001  the others are to be read all the same
            structlog.get_logger().warning(f"{name} cannot be loaded", reason=reason_of(error))
            continue
        found[name] = module
    return found


def look_around(
    candidates: Mapping[str, Discoverable], machine: Machine, *, within_s: float = _LOOKS_WITHIN_S
) -> list[Offer]:
    """Ask all of them at the same time; return their answers by platform, the preferred source first."""
    findings: dict[str, Finding] = {}

    def ask(name: str, source: Discoverable) -> None:
        try:
            findings[name] = source.look(machine)
        except Exception as error:  # noqa: BLE001  a defect of one look must not hide what the others find
            findings[name] = Finding(f"the search failed: {reason_of(error)}")

    threads = [threading.Thread(target=ask, args=pair, name="look", daemon=True) for pair in candidates.items()]
    until_s = time.monotonic() + within_s
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, until_s - time.monotonic()))
    silent = Finding(f"the search did not finish within {within_s:g} s")
    offers = [Offer(name, source, findings.get(name, silent)) for name, source in candidates.items()]
    return sorted(offers, key=lambda offer: (offer.source.PLATFORM, offer.source.PREFERENCE, offer.name))


def by_platform(offers: Sequence[Offer]) -> dict[str, list[Offer]]:
    """Return what was found, by platform, the preferred source first: only one of each is to be read."""
    found: dict[str, list[Offer]] = {}
    for offer in offers:
        if offer.finding.found:
            found.setdefault(offer.source.PLATFORM, []).append(offer)
    return found
