"""Requests to one Redfish service, within bounds of time and size, over one kept connection.

Redirects are followed while they stay on the service. Services send one where a path lacks the slash at its end, or has
one, and for a login as well; the method stays what it was then, for that is what was asked at the wrong door.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    IncompleteRead,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
)

from producers.bounded import Deadline, TooMuchError, body_of
from producers.redfish.address import redirected
from producers.source import SourceError
from producers.trust import Trust, TrustedPool, refusal, tls_error

_MAX_BODY_BYTES: Final = 4 * 2**20
_MOST_REDIRECTS: Final = 5
_REDIRECTS: Final = (301, 302, 303, 307, 308)
_SEE_OTHER: Final = 303
_HEADERS: Final = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "gigawatt"}


class ResourceError(SourceError):
    """One resource cannot be read; others of the service may be. `what` is the message without its address."""

    def __init__(self, address: str, what: str) -> None:
        super().__init__(f"{address} {what}")
        self.what = what


class SlowResourceError(ResourceError):
    """The service was connected to, and this resource did not come in time."""


@dataclass(frozen=True)
class Answer:
    """What the service said; `url` is where, when all redirects were followed that may be."""

    url: str
    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes


class Transport:
    """Asks the service at `base`. `timeout_s` bounds each request, from connecting to the last byte."""

    def __init__(
        self, base: str, trust: Trust, *, timeout_s: float, elapsed: Callable[[], float] = time.monotonic
    ) -> None:
        self._base = base
        self._deadline = Deadline(elapsed)
        self._pool = TrustedPool(self._deadline, trust, secure=base.startswith("https:"))
        self._timeout_s = timeout_s

    def request(
        self, method: str, path: str, headers: Mapping[str, str] = MappingProxyType({}), body: bytes | None = None
    ) -> Answer:
        """Return the answer, of whatever status, when redirects that stay on the service were followed.

        Raises `ResourceError` when this resource sent none, `SourceError` when the service cannot be asked at all.
        """
        for _ in range(1 + _MOST_REDIRECTS):
            answer = self._ask(method, path, headers, body)
            target = redirected(answer.url, answer.headers.get("Location")) if answer.status in _REDIRECTS else None
            if target is None:
                return answer
            path = target
            if answer.status == _SEE_OTHER and method != "POST":  # a login is to be sent again: it has not been taken
                method = "GET"
        raise ResourceError(
            answer.url, f"redirects more than {_MOST_REDIRECTS} times; check whether it is a Redfish service"
        )

    def close(self) -> None:
        """Close the connection."""
        self._pool.close()

    def _ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        url = f"{self._base}{path}"
        self._deadline.start(self._timeout_s)
        try:
            answer = self._pool.current().request(
                method,
                url,
                body=body,
                headers={**_HEADERS, **headers},
                timeout=urllib3.Timeout(total=self._timeout_s),
                preload_content=False,
                redirect=False,
            )
        except (HTTPError, OSError, ValueError) as error:
            raise self._failed(url, error) from error
        try:
            whole = body_of(answer, self._deadline, _MAX_BODY_BYTES)
        except TooMuchError as error:
            answer.close()  # what is left of the body must not be taken for the next answer
            raise ResourceError(url, str(error)) from error
        except (TimeoutError, ReadTimeoutError) as error:
            answer.close()
            raise SlowResourceError(url, f"did not finish within {self._timeout_s:g} s") from error
        except (HTTPError, OSError, ValueError) as error:
            answer.close()
            raise self._failed(url, error) from error
        answer.release_conn()
        return Answer(url, answer.status, answer.reason or "", answer.headers, whole)

    def _failed(self, url: str, error: Exception) -> SourceError:
        """Say in words of the operator what urllib3, the TLS library or the socket reported."""
        if (refused := tls_error(error)) is not None:
            return SourceError(f"{self._base} {refusal(refused)}")
        for kind, said in _SERVICE_SAID:
            if _is(error, kind):
                return SourceError(f"{self._base} {said.format(timeout_s=self._timeout_s)}")
        if _is(error, (ReadTimeoutError, TimeoutError)):
            return SlowResourceError(url, f"did not answer within {self._timeout_s:g} s")
        if _is(error, IncompleteRead):
            return ResourceError(url, "closed the connection during its answer")
        return ResourceError(url, f"cannot be read: {(str(error).splitlines() or [type(error).__name__])[0][:200]}")


_SERVICE_SAID: Final = (
    (NameResolutionError, "cannot be resolved: unknown host"),
    # For urllib3 this is a kind of timeout.
    (NewConnectionError, "cannot be reached; check the address, and whether the service is on"),
    (ConnectTimeoutError, "did not answer within {timeout_s:g} s"),
)


def _is(error: Exception, kind: type[Exception] | tuple[type[Exception], ...]) -> bool:
    return isinstance(error, kind) or isinstance(error.__cause__, kind)
