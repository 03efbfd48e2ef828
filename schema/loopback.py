"""Which addresses mean this machine, and which requests a browser sent on behalf of some other page."""

import re
from collections.abc import Collection, Mapping
from typing import Final

_HERE: Final = re.compile(r"(?:https?://)?(?:localhost|127\.0\.0\.1|\[::1\]|::1)(?::\d{1,5})?", re.IGNORECASE)
_HOST: Final = re.compile(r"(?:\[(?P<six>[0-9a-fA-F:]+)\]|(?P<name>[^\[\]:]+))(?::\d{1,5})?")
_OWN_FETCHES: Final = frozenset({"", "none", "same-origin"})


def is_loopback(address: str) -> bool:
    """Say whether a host, with or without scheme and port, is this machine. Any port: it may be forwarded."""
    return _HERE.fullmatch(address) is not None


def is_one_of(address: str, names: Collection[str]) -> bool:
    """Say whether a host, with or without a port, is one of these names, in small letters; `*.` stands for one part."""
    found = _HOST.fullmatch(address)
    if found is None:
        return False
    name = (found["six"] or found["name"]).lower()
    return name in names or f"*.{name.partition('.')[2]}" in names


def foreign(headers: Mapping[str, str], *, links: bool = False, names: Collection[str] = ()) -> str:
    """Say why a request to a server of ours comes from somebody else's page; "" where it does not.

    The server is on loopback, or has `names` besides, as its certificate has them. Any other name that a stranger
    resolves to this machine (DNS rebinding) shows in `Host`; what another page sends shows in `Origin` or in
    `Sec-Fetch-Site`, and a page of another port here counts as another page. With `links`, a link on such a page may
    lead here: whoever follows it sees the answer, and the page does not.
    """
    host = headers.get("Host", "")
    if not is_loopback(host) and not is_one_of(host, names):
        return "the Host header does not name this machine"
    # Browsers send no Sec-Fetch-Site with a WebSocket, and old ones with nothing.
    if headers.get("Origin", f"//{host}").partition("//")[2].lower() != host.lower():
        return "the request comes from a page of another origin"
    followed = links and (headers.get("Sec-Fetch-Mode"), headers.get("Sec-Fetch-Dest")) == ("navigate", "document")
    if headers.get("Sec-Fetch-Site", "").lower() not in _OWN_FETCHES and not followed:
        return "the request comes from a page of another origin"
    return ""
