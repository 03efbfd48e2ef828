"""A Redfish service as whoever may ask it: resources as JSON objects.

Who may ask is told by HTTP Basic with every request, or by a session (DMTF DSP0266, "Authentication"): one login, then
its token, a new one when the service says 401, and a logout at the end. A login that was refused is not tried again for
five minutes: controllers lock out whoever keeps trying. A single resource that says 401 to who may read others costs
that resource alone.
"""

import contextlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from producers.access import basic, refuse_in_the_clear
from producers.redfish.address import base_url, path_of, place_of, redirected, service_at
from producers.redfish.transport import Answer, ResourceError, Transport
from producers.redfish.values import link, thing
from producers.source import SourceError
from producers.trust import SYSTEM, Trust

LoginMethod = Literal["session", "basic"]
Resource = Mapping[str, Any]

ROOT: Final = "/redfish/v1/"
SESSIONS: Final = "/redfish/v1/SessionService/Sessions"
REFUSED_FOR_S: Final = 300.0
_SHUT_FOR_S: Final = 3_600.0
"""For so long a resource that said 401 to who may read others is not what a new login is tried for."""
_OK: Final = 200
_CREATED: Final = 201
_UNAUTHORIZED: Final = 401
_FORBIDDEN: Final = 403
_NOT_FOUND: Final = 404
_NOT_ALLOWED: Final = 405
_TOKEN: Final = "X-Auth-Token"  # noqa: S105  the header's name


class NoResourceError(ResourceError):
    """The service has no such resource (any more)."""


@dataclass(frozen=True)
class Login:
    """Who asks, and how the service learns it."""

    user: str
    password: str = field(repr=False)
    method: LoginMethod = "session"


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
        if login:
            refuse_in_the_clear(self.url, "password", trust)
        self._transport = Transport(self.url, trust, timeout_s=timeout_s, elapsed=elapsed)
        self._login = login
        self._elapsed = elapsed
        self._token: str | None = None
        self._session: str | None = None
        self._refused_until_s = float("-inf")
        self._shut_until_s: dict[str, float] = {}
        self._readable: str | None = None

    def get(self, path: str) -> Resource:
        """Return the resource at that path.

        Raises `NoResourceError` when there is none, `ResourceError` when it is no JSON object or was not sent, and
        `SourceError` when the service cannot be asked at all.
        """
        answer = self._authorized(path)
        if answer.status == _NOT_FOUND:
            raise NoResourceError(self.url, f"has no {path}")
        if answer.status != _OK:
            raise self._not_ok(answer)
        try:
            # One byte of a name that is no UTF-8 must not cost the watts beside it; a mark of byte order is none of it.
            resource = json.loads(answer.body.decode(json.detect_encoding(answer.body), "replace"))
        except (ValueError, RecursionError) as error:
            raise ResourceError(answer.url, "sent invalid JSON; check whether it is a Redfish service") from error
        if not isinstance(resource, dict):
            raise ResourceError(answer.url, "sent no JSON object; check whether it is a Redfish service")
        return resource

    def close(self) -> None:
        """Log out and close the connection."""
        self._log_out()
        self._transport.close()

    def _authorized(self, path: str) -> Answer:
        """Ask, having logged in where that is needed: first of all, and again once when the session has ended."""
        login = self._login
        if login is None:
            return self._transport.request("GET", path)
        if self._elapsed() < self._refused_until_s:
            raise self._refused(login)
        shut = self._elapsed() < self._shut_until_s.get(place_of(path), float("-inf"))
        if shut and login.method == "basic":  # each refusal counts towards a lockout
            raise self._not_ok(Answer(f"{self.url}{path}", _UNAUTHORIZED, "Unauthorized", {}, b""))
        had_token = self._token is not None
        if login.method == "session" and not had_token:
            self._log_in(login)
        answer = self._transport.request("GET", path, self._credentials(login))
        if answer.status == _UNAUTHORIZED and had_token and not shut:
            self._log_in(login)
            answer = self._transport.request("GET", path, self._credentials(login))
        if answer.status == _OK:
            self._readable = path
        elif answer.status == _UNAUTHORIZED and not shut:
            if not self._may_read_another(path, login):
                raise self._refused(login, now=True)
            self._shut_until_s[place_of(path)] = self._elapsed() + _SHUT_FOR_S
        return answer

    def _may_read_another(self, path: str, login: Login) -> bool:
        """Whether what could be read last still can be: then a 401 is of that path alone, and not of the password."""
        other = self._readable
        if other is None or other == path:
            return False
        return self._transport.request("GET", other, self._credentials(login)).status != _UNAUTHORIZED

    def _credentials(self, login: Login) -> dict[str, str]:
        if login.method == "session":
            return {_TOKEN: self._token or ""}
        return basic(login.user, login.password)

    def _log_in(self, login: Login) -> None:
        self._log_out()
        account = json.dumps({"UserName": login.user, "Password": login.password}).encode()
        answer = self._post(SESSIONS, account)
        if answer.status in (_NOT_FOUND, _NOT_ALLOWED):
            with contextlib.suppress(ResourceError):
                elsewhere = self._post(self._sessions() or f"{SESSIONS}/", account)
                answer = answer if elsewhere.status in (_NOT_FOUND, _NOT_ALLOWED) else elsewhere
        if answer.status in (_UNAUTHORIZED, _FORBIDDEN):
            raise self._refused(login, now=True)
        token = answer.headers.get(_TOKEN)
        if answer.status not in (_OK, _CREATED):
            raise SourceError(f"{self._not_ok(answer)}; if the service has no sessions, use --login basic")
        if not token:
            raise SourceError(f"{self.url} accepted the login but sent no {_TOKEN}; use --login basic")
        self._token, self._session = token, _session_of(answer)

    def _post(self, path: str, account: bytes) -> Answer:
        return self._transport.request("POST", path, {"Content-Type": "application/json"}, account)

    def _sessions(self) -> str | None:
        """Return where the service's root, which anyone may read, says that sessions are; None where it does not."""
        answer = self._transport.request("GET", ROOT)
        path = link(thing(_parsed(answer).get("Links")).get("Sessions"))
        return path if path is not None and place_of(path) != SESSIONS else None

    def _log_out(self) -> None:
        token, session = self._token, self._session
        self._token = self._session = None
        if token is not None and session is not None:
            with contextlib.suppress(SourceError):  # services end idle sessions themselves
                self._transport.request("DELETE", session, {_TOKEN: token})

    def _refused(self, login: Login, *, now: bool = False) -> SourceError:
        if now:
            self._refused_until_s = self._elapsed() + REFUSED_FOR_S
        return SourceError(
            f"{self.url} rejects user {login.user!r}; check --user and the password; retrying every "
            f"{REFUSED_FOR_S / 60:g} min, to avoid a lockout"
        )

    def _not_ok(self, answer: Answer) -> ResourceError:
        said = f"answered {answer.status} {answer.reason}".rstrip()
        if 300 <= answer.status < 400:  # noqa: PLR2004  redirects
            other = service_at(answer.url, answer.headers.get("Location"))
            said += f": use the address that it redirects to, {other}" if other else ", without a target"
        elif answer.status in (_UNAUTHORIZED, _FORBIDDEN):
            said += f": {'this user may not read it' if self._login else 'give a --user'}"
        return ResourceError(answer.url, said)


def _parsed(answer: Answer) -> Resource:
    with contextlib.suppress(ValueError, RecursionError):
        return thing(json.loads(answer.body))
    return {}


def _session_of(answer: Answer) -> str | None:
    """Return where the session is that a login made: in its Location, or in the session itself; None: unsaid."""
    location = answer.headers.get("Location")
    return redirected(answer.url, location) or path_of(location) or link(_parsed(answer))
