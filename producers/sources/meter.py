"""Power meters of hosts or racks, over Redfish: what a whole machine draws, to hold beside what its chips say.

A meter's samples are its own, under the model host-meter or rack-meter: fleet sums leave them out, and the view
power_reconciled shows them beside the chips of the same host, or of the hosts that the fleet file puts into the rack.

Reads the outermost chassis that reports power: its EnvironmentMetrics (PowerWatts), else its Power (PowerControl), else
the sum of what its power supplies take in, where all of them report it. What it says is taken for the mean of the time
between two reads. An average that the service made itself is reported where it reports no other power of the chassis,
once for each of its windows. Energy counters go into energy_j and are not made into watts: a step of a kilowatt hour is
minutes of a host. A reading of 0 W is none: a service that answers draws power. A chassis or resource that cannot be
read is said once and costs no other; it is tried again after a minute, and less often as it goes on.

The password comes from GIGAWATT_METER_PASSWORD or --password-file; an account that may only read is enough.
"""

import os
import re
from collections.abc import Mapping, Sequence
from typing import Final, Unpack
from urllib.parse import urlsplit

import click

from producers.access import METER, AccessFlags, access_of
from producers.access import options as access_options
from producers.batches import fit_label
from producers.discovery import Finding, Machine
from producers.flags import SECONDS, FiniteRange
from producers.machine_name import machine_name
from producers.redfish.address import base_url
from producers.redfish.client import Login, LoginMethod, Redfish
from producers.redfish.meter import Meter
from producers.source import Source, Where
from producers.together import Together
from schema.errors import GigawattError
from schema.samples import METER_MODELS, PLATFORMS

PLATFORM: Final = "meter"
PREFERENCE: Final = 0

LABEL_HELP: Final = {"--host": "Name of the metered host or rack; needed where a --url has no NAME."}
MODELS: Final = dict(zip(("host", "rack"), METER_MODELS, strict=True))
_URL: Final = "GIGAWATT_METER_URL"
_PLATFORM: Final = "GIGAWATT_METER_PLATFORM"
_ONCE_WAITS_S: Final = 120.0
"""A slow controller with dozens of chassis answers a hundred requests before the first sample."""

OPTIONS: Final = (
    click.Option(
        ["--url", "urls"],
        multiple=True,
        envvar=_URL,
        metavar="[NAME=]URL",
        show_envvar=True,
        help="Redfish service, such as https://10.0.0.7; NAME is the metered host or rack, else it is that of --host. "
        "May be given several times; services of one name are added up.",
    ),
    click.Option(
        ["--platform"],
        type=click.Choice(PLATFORMS),
        envvar=_PLATFORM,
        show_envvar=True,
        help="Platform of the metered chips. It must be given: nothing in a meter tells it.",
    ),
    click.Option(
        ["--meters"],
        type=click.Choice(tuple(MODELS)),
        default="host",
        show_default=True,
        help="What is metered: one host, or a rack of hosts.",
    ),
    click.Option(
        ["--chassis", "names"],
        multiple=True,
        metavar="ID",
        help="Read this chassis; may be given several times, and they are added.  [default: the outermost with power]",
    ),
    click.Option(
        ["--login"],
        type=click.Choice(("session", "basic")),
        default="session",
        show_default=True,
        help="Log in once and out at the end, or tell the password with every request.",
    ),
    *access_options(METER, token=False),
    click.Option(
        ["--accuracy"],
        type=FiniteRange(min=0, max=1),
        default=0.02,
        show_default=True,
        help="One standard deviation of a reading, as a share of it. The default is a guess: see the power supplies' "
        "data sheet.",
    ),
    click.Option(
        ["--timeout", "timeout_s"],
        type=SECONDS,
        default=5.0,
        show_default=True,
        help="Seconds within which each request must have been answered.",
    ),
)


def open_source(
    where: Where,
    *,
    urls: Sequence[str],
    platform: str | None,
    meters: str = "host",
    names: Sequence[str] = (),
    login: LoginMethod = "session",
    accuracy: float = 0.02,
    timeout_s: float = 5.0,
    environment: Mapping[str, str] = os.environ,
    **flags: Unpack[AccessFlags],
) -> Source:
    """Make the source of these services, read side by side; nothing is read yet."""
    if platform is None:
        raise GigawattError(f"say with --platform whose chips are metered, one of {', '.join(PLATFORMS)}")
    targets = _targets(urls, where.host)
    access = access_of(flags, METER, environment)
    who = None
    if access.user is not None and access.secret is not None:
        who = Login(access.user, access.secret.read(), login)
    labels = {"site": where.site, "fleet": where.fleet, "platform": platform, "model": MODELS[meters]}
    opened: dict[str, Meter] = {}
    for host, url in targets:
        service = Redfish(url, login=who, trust=access.trust, timeout_s=timeout_s)
        alone = [name for name, _ in targets].count(host) == 1
        beside = "" if alone else f"{urlsplit(service.url).netloc}:"
        labelled = {**labels, "host": fit_label(host)}
        opened[service.url] = Meter(service, labelled, names, accuracy, beside=beside, once=where.once)
    if len(opened) == 1:
        return next(iter(opened.values()))
    return Together(
        opened,
        period_s=Meter.default_period_s,
        once=where.once,
        wait_s=_ONCE_WAITS_S if where.once else None,
        own_periods=False,
        closes_within_s=timeout_s,
    )


def look(machine: Machine) -> Finding:
    """Say whether the environment names a meter of this machine, and whether anything answers there."""
    url = machine.environment.get(_URL, "").strip()
    if not url:
        return Finding(f"no power meter is named: set {_URL} to its Redfish service, and {_PLATFORM}")
    platform = machine.environment.get(_PLATFORM, "")
    if platform not in PLATFORMS:
        instead = f"{_PLATFORM} is {platform!r}: set it" if platform else f"{_URL} is set: set {_PLATFORM}, too,"
        return Finding(f"{instead} to one of {', '.join(PLATFORMS)}")
    addressed = [_named(one) for one in url.split()]
    try:
        parts = urlsplit(base_url(addressed[0][1]))
    except GigawattError as error:
        return Finding(f"{_URL}: {error}")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    if not machine.listens(parts.hostname or "", port):
        return Finding(f"nothing answers at {parts.hostname} port {port}, where {_URL} has a power meter")
    mine = [f"{name or machine_name()}={address}" for name, address in addressed]
    return Finding(f"a power meter at {parts.hostname}", {"urls": tuple(mine), "platform": platform})


def _named(url: str) -> tuple[str | None, str]:
    """Split `NAME=URL`."""
    match = re.fullmatch(r"(?:([^=/]+)=)?(.*)", url)
    return (match[1], match[2]) if match else (None, url)


def _targets(urls: Sequence[str], host: str | None) -> list[tuple[str, str]]:
    """Return name and address of what each service meters; a given --host goes before the name beside a URL."""
    if not urls:
        raise GigawattError("say with --url where the meter's Redfish service is")
    targets = []
    for name, url in [_named(one) for one in urls]:
        base_url(url)  # refuses one with a password in it, before anything is said of it
        if host and name and len(urls) > 1:
            raise GigawattError("--host names one machine: leave it out where each --url has a name")
        if not (host or name):
            raise GigawattError(f"whose power does {url} meter? Give --host NAME, or write --url NAME=URL")
        targets.append((host or name or "", url))
    if len({base_url(url) for _, url in targets}) < len(targets):
        raise GigawattError("one --url stands twice: it would be counted twice")
    return targets
