"""The flags of the spool."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from producers.spool.bounds import DEFAULT_BOUNDS, Bounds

_SIZE: Final = re.compile(r"([0-9]{1,15})\s*([KMGT]?)(?:i?B)?", re.IGNORECASE)
_POWERS: Final = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}
_LEAST_BYTES: Final = 4 * 2**20
_DURATION: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*([smhd])", re.IGNORECASE)
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class Size(click.ParamType):
    """Bytes, such as 512M, 2GiB or 1048576; K, M, G and T are powers of 1024."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the bytes; reject what is no size, or too small for a spool."""
        if isinstance(value, int):
            return value
        found = _SIZE.fullmatch(value.strip())
        if found is None:
            self.fail(f"{value!r} is not a size; write it as 512M or 2G", param, ctx)
        size = int(found[1]) << _POWERS[found[2].upper()]
        if size < _LEAST_BYTES:
            self.fail(f"{value!r} is less than {_LEAST_BYTES >> 20}M", param, ctx)
        return size


class Duration(click.ParamType):
    """Seconds, written as 90s, 30m, 72h or 3d."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the seconds; reject what is no time, or less than a minute."""
        if isinstance(value, float):
            return value
        found = _DURATION.fullmatch(value.strip())
        if found is None:
            self.fail(f"{value!r} is not a duration; write it as 30m, 72h or 3d", param, ctx)
        seconds = float(found[1]) * _SECONDS[found[2].lower()]
        if seconds < _SECONDS["m"]:
            self.fail(f"{value!r} is less than a minute", param, ctx)
        return seconds


@dataclass(frozen=True)
class Wanted:
    """The spool that the operator asks for."""

    directory: Path
    bounds: Bounds


def options() -> list[click.Parameter]:
    """Return the flags; `wanted` takes their values."""
    return [
        click.Option(
            ["--spool"],
            type=click.Path(path_type=Path, file_okay=False),
            metavar="DIR",
            envvar="GIGAWATT_SPOOL",
            show_envvar=True,
            help="Keep samples in this directory until the broker acknowledges them. Ignored with --once or --to -.",
        ),
        click.Option(
            ["--spool-bytes"],
            type=Size(),
            default=DEFAULT_BOUNDS.disk_bytes,
            metavar="SIZE",
            envvar="GIGAWATT_SPOOL_BYTES",
            show_envvar=True,
            show_default="512M",
            help="Maximum size of the spool; the oldest samples are dropped and counted.",
        ),
        click.Option(
            ["--spool-age"],
            type=Duration(),
            default=DEFAULT_BOUNDS.age_s,
            metavar="DURATION",
            envvar="GIGAWATT_SPOOL_AGE",
            show_envvar=True,
            show_default="72h",
            help="Maximum age of samples in the spool; older ones are dropped and counted.",
        ),
    ]


def wanted(spool: Path | None, spool_bytes: int, spool_age: float) -> Wanted | None:
    """Return the spool that was asked for, if one was."""
    return None if spool is None else Wanted(spool, Bounds(spool_bytes, spool_age))
