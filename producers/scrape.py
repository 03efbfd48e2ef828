"""Read a page over HTTP, within bounds of time and size: the one scraper of all Prometheus exporters."""

import time
from collections.abc import Callable
from typing import Final

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    IncompleteRead,
    LocationParseError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
)

from producers.access import NOBODY, Access
from producers.bounded import Deadline, TooMuchError, body_of
from producers.source import SourceError
from producers.trust import TrustedPool, refusal, tls_error
from schema.errors import GigawattError
from schema.printable import bare

MAX_BODY_BYTES: Final = 16 * 2**20
"""An exporter of sixteen chips with every field on sends about 1 MB."""
_OK: Final = 200
_NOT_LET_IN: Final = (401, 403)
_SLOW: Final = (ConnectTimeoutError, ReadTimeoutError, TimeoutError)


class SlowPageError(SourceError):
    """Something is there, and did not answer in time."""


class NotLetInError(SourceError):
    """A page is there, and wants to know who asks."""


class Scraper:
    """One page of one exporter, over a connection that is kept.

    `timeout_s` bounds the whole read, from connecting to the last byte. No redirect is followed: what `access` says
    reaches no other server.
    """

    def __init__(
        self,
        url: str,
        *,
        access: Access = NOBODY,
        timeout_s: float = 5.0,
        max_body_bytes: int = MAX_BODY_BYTES,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self.url = checked_url(url)
        self.host = urllib3.util.parse_url(self.url).host or ""
        self._timeout_s = timeout_s
        self._max_body_bytes = max_body_bytes
        self._deadline = Deadline(elapsed)
        self._access = access
        access.check(self.url)
        self._pool = TrustedPool(self._deadline, access.trust, secure=self.url.startswith("https:"))

    def read(self) -> bytes:
        """Return the body; `SourceError` unless the exporter answered 200 with a whole body."""
        who = self._access.headers()
        self._deadline.start(self._timeout_s)
        try:
            answer = self._pool.current().request(
                "GET",
                self.url,
                headers={"Accept": "text/plain", "Accept-Encoding": "identity", "User-Agent": "gigawatt", **who},
                timeout=urllib3.Timeout(total=self._timeout_s),
                preload_content=False,
                redirect=False,
            )
        except (HTTPError, OSError, ValueError) as error:
            raise self._unread(error) from error
        try:
            if answer.status in _NOT_LET_IN:
                raise NotLetInError(f"{self.url} {_refusal(answer)}: {self._access.missing}")
            if answer.status != _OK:
                raise self._failed(_refusal(answer))
            body = self._body(answer)
        except (HTTPError, OSError, ValueError) as error:
            answer.close()
            raise self._unread(error) from error
        except SourceError:
            answer.close()  # what is left of the body must not be taken for the next answer
            raise
        answer.release_conn()
        return body

    def close(self) -> None:
        """Close the connection."""
        self._pool.close()

    def _body(self, answer: urllib3.BaseHTTPResponse) -> bytes:
        try:
            body = body_of(answer, self._deadline, self._max_body_bytes)
        except TooMuchError as error:
            raise self._failed(f"{error}; check whether it is the exporter of one host") from error
        except (TimeoutError, ReadTimeoutError) as error:
            raise SlowPageError(f"{self.url} did not finish within {self._timeout_s:g} s") from error
        if not body:
            raise self._failed("sent an empty body")
        framed = "content-length" in answer.headers or "transfer-encoding" in answer.headers
        # Without a length nothing tells a whole last line from half of one.
        return body if framed else body[: body.rfind(b"\n") + 1]

    def _unread(self, error: Exception) -> SourceError:
        if (refused := tls_error(error)) is not None:
            return self._failed(refusal(refused))
        # For urllib3 a connection that was refused is a kind of timeout, too.
        if isinstance(error, _SLOW) and not isinstance(error, NewConnectionError):
            return SlowPageError(f"{self.url} did not answer within {self._timeout_s:g} s")
        return self._failed(_why(error))

    def _failed(self, what: str) -> SourceError:
        return SourceError(f"{self.url} {what}")


def checked_url(url: str) -> str:
    """Return the URL with its scheme and the usual path; GigawattError when it is none."""
    if "@" in url:  # whatever stands before it would stand in every line about this exporter
        raise GigawattError("remove user and password from the URL; use --user and --password-file")
    try:
        parsed = urllib3.util.parse_url(url if "://" in url else f"http://{url}")
    except LocationParseError as error:
        raise GigawattError(f"not a URL: {bare(url)}") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise GigawattError(f"not an http or https URL: {bare(url)}")
    return parsed._replace(path="/metrics").url if parsed.path in (None, "/") else parsed.url


def _refusal(answer: urllib3.BaseHTTPResponse) -> str:
    said = f"answered {answer.status} {answer.reason or ''}".rstrip()
    target = answer.get_redirect_location()
    if not target:
        return said
    address = bare(target)  # a query may hold a ticket, what comes before an @ a password
    return f"{said} and redirects to {address[:200]}; use that address if the exporter is there"


def _why(error: Exception) -> str:
    """Say in words of the operator what urllib3 or the socket reported."""
    if isinstance(error, NameResolutionError):
        return "cannot be resolved: unknown host"
    if isinstance(error, NewConnectionError):
        return "cannot be reached; check whether the exporter is running"
    if isinstance(error, IncompleteRead) or isinstance(error.__cause__, IncompleteRead):
        return "closed the connection during its answer"
    if isinstance(error, ProtocolError):
        return f"closed the connection: {_first_line(error)}"
    return f"cannot be read: {_first_line(error)}"


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
