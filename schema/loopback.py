"""Which addresses mean this machine alone, and which requests a browser sent on behalf of some other page."""

import re
from collections.abc import Mapping
from typing import Final

_HERE: Final = re.compile(r"(?:https?://)?(?:localhost|127\.0\.0\.1|\[::1\]|::1)(?::\d{1,5})?", re.IGNORECASE)
_OWN_FETCHES: Final = frozenset({"", "none", "same-origin"})


def is_loopback(address: str) -> bool:
    """Say whether a host, with or without scheme and port, is this machine. Any port: it may be forwarded."""
    return _HERE.fullmatch(address) is not None


def foreign(headers: Mapping[str, str], *, links: bool = False) -> str:
    """Say why a request to a server on loopback comes from somebody else's page; "" where it does not.

    A name that a stranger resolves to this machine (DNS rebinding) shows in `Host`; what another page sends shows in
    `Origin` or in `Sec-Fetch-Site`, and a page of another port here counts as another page. With `links`, a link on
    such a page may lead here: whoever follows it sees the answer, and the page does not.
    """
    host = headers.get("Host", "")
    if not is_loopback(host):
        return "the Host header does not name this machine"
    # Browsers send no Sec-Fetch-Site with a WebSocket, and old ones with nothing.
    if headers.get("Origin", f"//{host}").partition("//")[2].lower() != host.lower():
        return "it comes from a page of another origin"
    followed = links and (headers.get("Sec-Fetch-Mode"), headers.get("Sec-Fetch-Dest")) == ("navigate", "document")
    if headers.get("Sec-Fetch-Site", "").lower() not in _OWN_FETCHES and not followed:
        return "it comes from a page of another origin"
    return ""
