"""How a source says whether this machine has what it reads.

A source of a chip's own interface has, beside what `producers.source` asks of its file, `PLATFORM` (the platform it is
of), `PREFERENCE` (where several sources can read the same chips, the one with the lowest is read, so that no chip is
counted twice) and `look(machine: Machine) -> Finding`. `gigawatt produce auto` asks all of them.
"""

import os
import shutil
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

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
