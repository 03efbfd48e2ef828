"""Every chip of this machine: finds the interfaces of its chips and reads them side by side.

Each source reports what it finds. If several sources can read the chips of one platform, one of them is used. A source
that fails or hangs does not affect the others. An interface that appears later is read within a minute. --check shows
what was found, and what is missing and how to get it.
"""

import shutil
import textwrap
from collections.abc import Mapping, Sequence
from typing import Final

import click
import structlog

from producers.discovery import Discoverable, Machine, Offer, by_platform, discoverable, look_around
from producers.said import reason_of
from producers.source import Batch, Tick, Where
from producers.together import Together
from schema.errors import GigawattError
from schema.said import Reasons
from schema.terminal import say

LOOK_AGAIN_S: Final = 60.0
_INDENT: Final = "    "
_NARROWEST: Final = 40


def _check(ctx: click.Context, _param: click.Parameter, value: bool) -> None:  # noqa: FBT001  click's signature
    if value:
        candidates = picked(discoverable(), ctx.params.get("only", ()), ctx.params.get("without", ()))
        offers = look_around(candidates, ctx.find_object(Machine) or Machine())
        for line in report(offers, shutil.get_terminal_size().columns):
            say(line)
        ctx.exit(0 if by_platform(offers) else 1)


# The first two are eager so that the third, which ends the command, knows them wherever it stands.
OPTIONS: Final = (
    click.Option(
        ["--only"],
        multiple=True,
        metavar="SOURCE",
        is_eager=True,
        help="Use only this source; may be given several times.",
    ),
    click.Option(
        ["--without"],
        multiple=True,
        metavar="SOURCE",
        is_eager=True,
        help="Do not use this source; may be given several times.",
    ),
    click.Option(
        ["--check"],
        is_flag=True,
        expose_value=False,
        callback=_check,
        help="Show what is found, what is missing and how to get it; read nothing. Exit status 1 if nothing is found.",
    ),
)


def picked(
    candidates: Mapping[str, Discoverable], only: Sequence[str], without: Sequence[str]
) -> dict[str, Discoverable]:
    """Return those that the operator wants looked for. Raises `GigawattError` for a name that none has."""
    if unknown := {*only, *without} - set(candidates):
        raise GigawattError(f"unknown source {', '.join(sorted(unknown))}; sources are {', '.join(sorted(candidates))}")
    wanted = {name: source for name, source in candidates.items() if name not in without and (not only or name in only)}
    if not wanted:
        raise GigawattError("--only and --without exclude every source")
    return wanted


def report(offers: Sequence[Offer], width: int = 80) -> list[str]:
    """Return a line per source, of its platform and whether it is read, and indented below it what its look says."""
    found = by_platform(offers)
    rows: list[tuple[str, str, str]] = []
    for offer in offers:
        platform = offer.source.PLATFORM
        first = found.get(platform, [offer])[0]
        if not offer.finding.found:
            state = "missing"
        elif offer is first:
            state = "reads"
        else:
            state = f"spare: {first.name} reads the same chips"
        rows.append((platform, offer.name, state))
    platforms, names, _ = (max(map(len, column)) for column in zip(*rows, strict=True))
    lines = []
    for (platform, name, state), offer in zip(rows, offers, strict=True):
        lines.append(f"{platform:{platforms}}  {name:{names}}  {state}")
        # A path or an address is to be copied: it is never cut.
        lines += textwrap.wrap(
            offer.finding.says, max(width, _NARROWEST), initial_indent=_INDENT, subsequent_indent=_INDENT,
            break_long_words=False, break_on_hyphens=False,
        )  # fmt: skip
    return lines


class Scout:
    """Opens what was found, and looks again every minute for what was not. A source that has no samples itself."""

    default_period_s = LOOK_AGAIN_S

    def __init__(
        self, together: Together, candidates: Mapping[str, Discoverable], machine: Machine, where: Where
    ) -> None:
        self._together = together
        self._candidates = candidates
        self._machine = machine
        self._where = where
        self._log = structlog.get_logger()
        self._reasons = Reasons()
        self._reading: set[str] = set()

    def read(self, tick: Tick) -> Sequence[Batch]:  # noqa: ARG002  whenever that is
        """Look for sources of the platforms of which none is read yet, and have them read."""
        missing = {name: source for name, source in self._candidates.items() if source.PLATFORM not in self._reading}
        self.open(look_around(missing, self._machine))
        return []

    def close(self) -> None:
        """Nothing is held."""

    def open(self, offers: Sequence[Offer]) -> list[str]:
        """Open the preferred source of each platform, the next one where that fails; return what failed, and why."""
        failures = []
        for platform, found in by_platform(offers).items():
            for offer in found:
                try:
                    source = offer.open(self._where)
                except Exception as error:  # noqa: BLE001  the others are to be read all the same
                    failures.append(f"{offer.name} cannot be opened: {reason_of(error)}")
                    continue
                self._reading.add(platform)
                self._together.add(offer.name, source)
                if not self._where.once:
                    self._log.info(f"reading {offer.name}", found=offer.finding.says)
                break
        for failure in failures:
            if self._reasons.is_new(failure):
                self._log.warning(failure)
        if not failures:
            self._reasons.clear()
        return failures


def open_source(
    where: Where,
    *,
    only: Sequence[str] = (),
    without: Sequence[str] = (),
    machine: Machine | None = None,
    candidates: Mapping[str, Discoverable] | None = None,
) -> Together:
    """Open what is found on this machine. Raises `GigawattError` when that is nothing, or cannot be opened."""
    machine = machine or Machine()
    candidates = picked(candidates or discoverable(), only, without)
    offers = look_around(candidates, machine)
    if not by_platform(offers):
        raise GigawattError("found no chips on this machine; gigawatt produce auto --check shows what is missing")
    together = Together({}, once=where.once)
    scout = Scout(together, candidates, machine, where)
    failures = scout.open(offers)
    if not together.counts:
        raise GigawattError("; ".join(failures))
    if not where.once:
        together.add("auto", scout)
    return together
