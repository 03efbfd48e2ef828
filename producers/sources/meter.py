"""Power meters of hosts or racks over Redfish: the power of whole machines, to compare with the sum of their chips.

Samples of a meter have the model host-meter or rack-meter. Fleet sums leave them out. The view power_reconciled
compares them with the chips of the same host, or of the hosts that the fleet file puts into the rack.

Reads the outermost chassis that reports power: its EnvironmentMetrics (PowerWatts), otherwise its Power (PowerControl),
otherwise the sum of the input power of its power supplies, if all of them report it. A reading counts as the mean of
the time between two reads. If the service reports only an average of its own, that average is published once per
window. Energy counters go into energy_j and are not converted to watts: a step of one kilowatt hour is minutes of a
host. A reading of 0 W counts as missing, because a service that answers draws power. A chassis or resource that cannot
be read is logged once and does not affect the others; it is retried after a minute, and then less and less often.

The password comes from GIGAWATT_METER_PASSWORD or --password-file; a read-only account is enough.
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

LABEL_HELP: Final = {"--host": "Name of the metered host or rack; required if a --url has no NAME."}
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
        help="Redfish service, such as https://10.0.0.7; NAME is the metered host or rack, otherwise --host names it. "
        "May be given several times; services with the same NAME are added up.",
    ),
    click.Option(
        ["--platform"],
        type=click.Choice(PLATFORMS),
        envvar=_PLATFORM,
        show_envvar=True,
        help="Platform of the metered chips. Required, because a meter does not report it.",
    ),
    click.Option(
        ["--meters"],
        type=click.Choice(tuple(MODELS)),
        default="host",
        show_default=True,
        help="Whether a meter measures one host or a rack of hosts.",
    ),
    click.Option(
        ["--chassis", "names"],
        multiple=True,
        metavar="ID",
        help="Read this chassis; several are added up.  [default: the outermost chassis with power]",
    ),
    click.Option(
        ["--login"],
        type=click.Choice(("session", "basic")),
        default="session",
        show_default=True,
        help="Log in once with a session, or send the password with every request (basic).",
    ),
    *access_options(METER, token=False),
    click.Option(
        ["--accuracy"],
        type=FiniteRange(min=0, max=1),
        default=0.02,
        show_default=True,
        help="One standard deviation of a reading, relative to the reading. The default is a guess; see the data sheet "
        "of the power supplies.",
    ),
    click.Option(
        ["--timeout", "timeout_s"],
        type=SECONDS,
        default=5.0,
        show_default=True,
        help="Timeout of each request in seconds.",
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
        raise GigawattError(f"set --platform to the platform of the metered chips, one of {', '.join(PLATFORMS)}")
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
        return Finding(f"no power meter is configured; set {_URL} to its Redfish service, and {_PLATFORM}")
    platform = machine.environment.get(_PLATFORM, "")
    if platform not in PLATFORMS:
        instead = f"{_PLATFORM} is {platform!r}; set it" if platform else f"{_URL} is set; also set {_PLATFORM}"
        return Finding(f"{instead} to one of {', '.join(PLATFORMS)}")
    addressed = [_named(one) for one in url.split()]
    try:
        parts = urlsplit(base_url(addressed[0][1]))
    except GigawattError as error:
        return Finding(f"{_URL}: {error}")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    if not machine.listens(parts.hostname or "", port):
        return Finding(f"no answer from {parts.hostname} port {port}, the power meter of {_URL}")
    mine = [f"{name or machine_name()}={address}" for name, address in addressed]
    return Finding(f"a power meter at {parts.hostname}", {"urls": tuple(mine), "platform": platform})


def _named(url: str) -> tuple[str | None, str]:
    """Split `NAME=URL`."""
    match = re.fullmatch(r"(?:([^=/]+)=)?(.*)", url)
    return (match[1], match[2]) if match else (None, url)


def _targets(urls: Sequence[str], host: str | None) -> list[tuple[str, str]]:
    """Return name and address of what each service meters; a given --host goes before the name beside a URL."""
    if not urls:
        raise GigawattError("set the address of the meter's Redfish service with --url")
    targets = []
    for name, url in [_named(one) for one in urls]:
        base_url(url)  # rejects one with a password in it, before anything is said of it
        if host and name and len(urls) > 1:
            raise GigawattError("--host names one machine; remove it if each --url has a NAME")
        if not (host or name):
            raise GigawattError(f"{url} has no NAME; use --host NAME, or write --url NAME=URL")
        targets.append((host or name or "", url))
    if len({base_url(url) for _, url in targets}) < len(targets):
        raise GigawattError("a --url is given twice and would be counted twice; remove one")
    return targets
