"""Addresses of a Redfish service: of itself, of its resources, and where its redirects lead.

Whatever a service says, what is asked next is a path of that same service: links and redirects to other ones are not
followed, for a password or a token must not end up elsewhere.
"""

from typing import Final
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

import urllib3
from urllib3.exceptions import LocationParseError

from schema.errors import GigawattError
from schema.printable import bare

_PORTS: Final = {"http": 80, "https": 443}
_LONGEST: Final = 2_048


def base_url(url: str) -> str:
    """Return scheme, host and port of a service's address, https where it has no scheme; `GigawattError` for no URL."""
    if "@" in url:  # whatever stands before it would stand in every line about this service
        raise GigawattError("remove user and password from the URL; use --user and GIGAWATT_METER_PASSWORD")
    try:
        parsed = urllib3.util.parse_url(url if "://" in url else f"https://{url}")
    except LocationParseError as error:
        raise GigawattError(f"not a URL: {bare(url)}") from error
    if parsed.scheme not in _PORTS or not parsed.host:
        raise GigawattError(f"not an http or https URL: {bare(url)}")
    if (parsed.path or "/").strip("/") not in ("", "redfish", "redfish/v1") or parsed.query or parsed.fragment:
        raise GigawattError(
            f"{bare(url)} has a path; use the address of the service alone, such as https://{parsed.netloc}"
        )
    return f"{parsed.scheme}://{parsed.netloc}"


def path_of(reference: object) -> str | None:
    """Return the path and query that a link leads to on the same service, as they are; None for what is no link."""
    parts = _split(reference)
    if parts is None:
        return None
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    askable = path.startswith("/") and path.isascii() and path.isprintable() and " " not in path
    return path if askable and len(path) <= _LONGEST else None


def place_of(path: str) -> str:
    """Return what two paths of one resource have in common: services name it with a slash at its end and without."""
    return unquote(path).rstrip("/")


def redirected(url: str, location: object) -> str | None:
    """Return the path on the same service that a redirect from `url` leads to; None where it leads elsewhere."""
    here, there = _split(url), _target(url, location)
    if here is None or there is None or _service(here) != _service(there):
        return None
    return path_of(there.geturl())


def service_at(url: str, location: object) -> str | None:
    """Return the address of the service that a redirect leads to, as --url takes it; None where it leads to none."""
    there = _target(url, location)
    if there is None or there.scheme not in _PORTS or not there.hostname:
        return None
    return bare(f"{there.scheme}://{there.netloc.rpartition('@')[2]}")


def _target(url: str, location: object) -> SplitResult | None:
    if not isinstance(location, str) or not location:
        return None
    try:
        target = urlsplit(urljoin(url, location))
        target.port  # noqa: B018  raises where it is none
    except ValueError:
        return None
    return target


def _service(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)


def _split(reference: object) -> SplitResult | None:
    try:
        return urlsplit(reference) if isinstance(reference, str) else None
    except ValueError:
        return None
