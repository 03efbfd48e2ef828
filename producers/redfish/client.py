"""A Redfish service, asked within bounds of time and size: resources as JSON objects, over one kept connection.

Who may ask is told by HTTP Basic with every request, or by a session (DMTF DSP0266, "Authentication"): one login, then
its token, a new one when the service says 401, and a logout at the end. Redirects are not followed, for a password or a
token must not end up elsewhere. A login that was refused is not tried again for five minutes: controllers lock out
whoever keeps trying.
"""

import contextlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    IncompleteRead,
    InsecureRequestWarning,
    LocationParseError,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)

from producers.bounded import Deadline, TooMuchError, body_of, pool_manager
from producers.redfish.trust import SYSTEM, Trust, refusal
from producers.source import SourceError
from schema.errors import GigawattError
from schema.printable import bare

LoginMethod = Literal["session", "basic"]
Resource = Mapping[str, Any]

SESSIONS: Final = "/redfish/v1/SessionService/Sessions"
REFUSED_FOR_S: Final = 300.0
_MAX_BODY_BYTES: Final = 4 * 2**20
_OK: Final = 200
_CREATED: Final = 201
_UNAUTHORIZED: Final = 401
_FORBIDDEN: Final = 403
_NOT_FOUND: Final = 404
_TOKEN: Final = "X-Auth-Token"  # noqa: S105  the header's name
_HEADERS: Final = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "gigawatt"}
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


class NoResourceError(SourceError):
    """The service has no such resource (any more)."""


@dataclass(frozen=True)
class Login:
    """Who asks, and how the service is told."""

    user: str
    password: str = field(repr=False)
    method: LoginMethod = "session"


@dataclass(frozen=True)
class _Answer:
    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes


class Redfish:
    """One service. `timeout_s` bounds each request, from connecting to the last byte; no `login` asks as nobody."""

    def __init__(
        self,
        url: str,
        *,
        login: Login | None = None,
        trust: Trust = SYSTEM,
        timeout_s: float = 5.0,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self.url = base_url(url)
        parts = urlsplit(self.url)
        if login and parts.scheme == "http" and not trust.insecure and parts.hostname not in _LOOPBACK:
            raise GigawattError(f"{self.url} would be told the password in the clear: use https, or --insecure")
        if trust.insecure:
            urllib3.disable_warnings(InsecureRequestWarning)  # said once by whoever opens it, not at every request
        self._deadline = Deadline(elapsed)
        self._pool = pool_manager(self._deadline, **trust.pool)
        self._login = login
        self._timeout_s = timeout_s
        self._elapsed = elapsed
        self._token: str | None = None
        self._session: str | None = None
        self._refused_until_s = float("-inf")

    def get(self, path: str) -> Resource:
        """Return the resource at that path.

        Raises `NoResourceError` when there is none, `SourceError` unless the service answered with a JSON object.
        """
        answer = self._authorized("GET", path)
        if answer.status == _NOT_FOUND:
            raise NoResourceError(f"{self.url} has no {path}")
        if answer.status != _OK:
            raise self._not_ok(answer, path)
        try:
            resource = json.loads(answer.body)
        except (ValueError, RecursionError) as error:
            raise SourceError(f"{self.url}{path} sent no whole JSON: is it a Redfish service?") from error
        if not isinstance(resource, dict):
            raise SourceError(f"{self.url}{path} sent no JSON object: is it a Redfish service?")
        return resource

    def close(self) -> None:
        """Log out and close the connection."""
        self._log_out()
        self._pool.clear()

    def _authorized(self, method: str, path: str) -> _Answer:
        """Ask, having logged in where that is needed: first of all, and again once when the session has ended."""
        login = self._login
        if login is None:
            return self._request(method, path)
        if self._elapsed() < self._refused_until_s:
            raise self._refused(login)
        by_session, had_token = login.method == "session", self._token is not None
        if by_session and not had_token:
            self._log_in(login)
        answer = self._request(method, path, self._credentials(login))
        if answer.status == _UNAUTHORIZED and had_token:
            self._log_in(login)
            answer = self._request(method, path, self._credentials(login))
        if answer.status == _UNAUTHORIZED:
            raise self._refused(login, now=True)
        return answer

    def _credentials(self, login: Login) -> dict[str, str]:
        if login.method == "session":
            return {_TOKEN: self._token or ""}
        utf8 = f"{login.user}:{login.password}".encode()
        return urllib3.make_headers(basic_auth=utf8.decode("latin-1"))  # which is how urllib3 makes bytes of it again

    def _log_in(self, login: Login) -> None:
        self._log_out()
        account = json.dumps({"UserName": login.user, "Password": login.password}).encode()
        answer = self._request("POST", SESSIONS, {"Content-Type": "application/json"}, account)
        if answer.status in (_UNAUTHORIZED, _FORBIDDEN):
            raise self._refused(login, now=True)
        if answer.status not in (_OK, _CREATED):
            raise SourceError(f"{self._not_ok(answer, SESSIONS)}; where there are no sessions, use --login basic")
        token = answer.headers.get(_TOKEN)
        if not token:
            raise SourceError(f"{self.url} logged in and gave no {_TOKEN}: use --login basic")
        self._token, self._session = token, path_of(answer.headers.get("Location"))

    def _log_out(self) -> None:
        token, session = self._token, self._session
        self._token = self._session = None
        if token is not None and session is not None:
            with contextlib.suppress(SourceError):  # services end idle sessions themselves
                self._request("DELETE", session, {_TOKEN: token})

    def _refused(self, login: Login, *, now: bool = False) -> SourceError:
        if now:
            self._refused_until_s = self._elapsed() + REFUSED_FOR_S
        return SourceError(
            f"{self.url} refuses user {login.user!r}: check --user and the password; asking again every "
            f"{REFUSED_FOR_S / 60:g} min, so as not to be locked out"
        )

    def _not_ok(self, answer: _Answer, path: str) -> SourceError:
        said = f"{self.url}{path} answered {answer.status} {answer.reason}".rstrip()
        if 300 <= answer.status < 400:  # noqa: PLR2004  redirects
            target = bare(answer.headers.get("Location", "?"))
            return SourceError(f"{said}: give the address that it redirects to, {target}")
        if answer.status in (_UNAUTHORIZED, _FORBIDDEN):
            return SourceError(f"{said}: {'this user may not read it' if self._login else 'give a --user'}")
        return SourceError(said)

    def _request(
        self, method: str, path: str, headers: Mapping[str, str] = MappingProxyType({}), body: bytes | None = None
    ) -> _Answer:
        self._deadline.start(self._timeout_s)
        try:
            answer = self._pool.request(
                method,
                f"{self.url}{path}",
                body=body,
                headers={**_HEADERS, **headers},
                timeout=urllib3.Timeout(total=self._timeout_s),
                preload_content=False,
                redirect=False,
            )
        except (HTTPError, OSError, ValueError) as error:
            raise SourceError(f"{self.url} {_why(error, self._timeout_s)}") from error
        try:
            whole = body_of(answer, self._deadline, _MAX_BODY_BYTES)
        except TooMuchError as error:
            answer.close()  # what is left of the body must not be taken for the next answer
            raise SourceError(f"{self.url} {error}") from error
        except (TimeoutError, ReadTimeoutError) as error:
            answer.close()
            raise SourceError(f"{self.url} did not finish within {self._timeout_s:g} s") from error
        except (HTTPError, OSError, ValueError) as error:
            answer.close()
            raise SourceError(f"{self.url}{path} {_why(error, self._timeout_s)}") from error
        answer.release_conn()
        return _Answer(answer.status, answer.reason or "", answer.headers, whole)


def base_url(url: str) -> str:
    """Return scheme, host and port of a service's address, https where it has no scheme; `GigawattError` for no URL."""
    if "@" in url:  # whatever stands before it would stand in every line about this service
        raise GigawattError("leave user and password out of the URL: --user, and the password from the environment")
    try:
        parsed = urllib3.util.parse_url(url if "://" in url else f"https://{url}")
    except LocationParseError as error:
        raise GigawattError(f"not a URL: {bare(url)}") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise GigawattError(f"not an http or https URL: {bare(url)}")
    if (parsed.path or "/").strip("/") not in ("", "redfish", "redfish/v1") or parsed.query or parsed.fragment:
        raise GigawattError(
            f"{bare(url)} names more than a service: give its address alone, such as https://{parsed.netloc}"
        )
    return f"{parsed.scheme}://{parsed.netloc}"


def path_of(reference: object) -> str | None:
    """Return the path and query that a link or a Location leads to on the same service; None for what is no link."""
    if not isinstance(reference, str):
        return None
    try:
        parts = urlsplit(reference)
    except ValueError:
        return None
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    return path if path.startswith("/") and path.isascii() and path.isprintable() and " " not in path else None


_SAID: Final = (
    (NameResolutionError, "cannot be found: no such host"),
    # For urllib3 this is a kind of timeout.
    (NewConnectionError, "cannot be connected to: is the address right, and is it switched on?"),
    ((ConnectTimeoutError, ReadTimeoutError, TimeoutError), "did not answer within {timeout_s:g} s"),
    (IncompleteRead, "broke off in the middle of its answer"),
)


def _why(error: Exception, timeout_s: float) -> str:
    """Say in words of the operator what urllib3, the TLS library or the socket reported."""
    if isinstance(error, SSLError):
        return refusal(error)
    for kind, said in _SAID:
        if isinstance(error, kind) or isinstance(error.__cause__, kind):
            return said.format(timeout_s=timeout_s)
    return f"cannot be read: {_first_line(error)}"


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
