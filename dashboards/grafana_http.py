"""Requests to a Grafana: sent in place of grafana-api, whose traps end here.

The package knows paths and keeps the session. Its own way of sending (1.0.3) takes every answer for JSON, so that a
deletion raises after it was done. It falls over an error whose body is `null`, waits five seconds at most, and never
tries again.
"""

import email.utils
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

import requests
import stamina
from grafana_api.grafana_api import GrafanaAPI
from urllib3.exceptions import NewConnectionError

from schema.errors import GigawattError
from schema.printable import bare

_LOOPBACK: Final = {"127.0.0.1", "::1", "localhost"}
_CLIENT_ERROR: Final = 400
_TOO_MANY: Final = 429
_SERVER_ERROR: Final = 500
_ADVICE: Final[Mapping[int, str]] = {
    401: "the token is wrong, expired or of another Grafana; create one for a service account with the role Admin, and "
    "put it into GIGAWATT_GRAFANA_TOKEN or the file of --token-file",
    403: "the token has no right to do this; give its service account the role Admin, or the permission named here",
    404: "it does not exist, or something that it needs does not",
    409: "another object has this name or uid; rename or delete it, then push again",
    412: "it was changed by another user meanwhile, and nothing was overwritten; check with --dry-run, then push again",
}


class GrafanaError(GigawattError):
    """What a Grafana refused, in one line; `status` is that of HTTP, None where there was no answer."""

    def __init__(self, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status


class UnavailableError(GrafanaError):
    """No answer, or one that may be another in a moment: 429 and 5xx.

    The request may have been carried out all the same if `perhaps_done`. `wait_s` is what Grafana asks to wait.
    """

    def __init__(
        self, text: str, status: int | None = None, *, perhaps_done: bool, wait_s: float | None = None
    ) -> None:
        super().__init__(text, status)
        self.perhaps_done = perhaps_done
        self.wait_s = wait_s


@dataclass(frozen=True)
class Patience:
    """How long to wait for a connection and for an answer, how often to ask, and how long to wait in between.

    The wait doubles each time, and has up to `wait_s` at random added to it.
    """

    connect_s: float = 5.0
    answer_s: float = 30.0
    attempts: int = 5
    wait_s: float = 0.5
    longest_wait_s: float = 30.0

    def retrying(self, again: Callable[[Exception], bool | float]) -> stamina.BoundRetryingCaller:
        """Return what calls a function as often as `again` says, or says in how many seconds."""
        caller = stamina.RetryingCaller(
            attempts=self.attempts,
            timeout=None,
            wait_initial=self.wait_s,
            wait_max=self.longest_wait_s,
            wait_jitter=self.wait_s,
        )
        return caller.on(again)


class Api(GrafanaAPI):  # type: ignore[misc]  # the package has no types
    """Sends in the package's place, and raises `GrafanaError` for all that is not a success."""

    def __init__(self, url: str, token: str, patience: Patience) -> None:
        parts = _address(url)
        prefix = parts.path.strip("/")
        super().__init__(
            token,
            host=f"[{parts.hostname}]" if ":" in str(parts.hostname) else parts.hostname,
            port=parts.port,
            url_path_prefix=f"{prefix}/" if prefix else "",
            protocol=parts.scheme,
        )
        self.patience = patience
        self.address = self.url.removesuffix("/api")
        # A Grafana on this machine is not to be asked for through a proxy, whatever the environment says.
        self.s.trust_env = parts.hostname not in _LOOPBACK
        # What the package's own calls use.
        self.GET = self._verb("GET")
        self.POST = self._verb("POST")
        self.PUT = self._verb("PUT")
        self.DELETE = self._verb("DELETE")

    def _verb(self, method: str) -> Callable[..., Any]:
        return lambda path, json=None, headers=None: self.request(method, path, json=json, headers=headers)

    def request(self, method: str, path: str, *, once: bool = False, **content: Any) -> Any:
        """Return what the answer holds, None where it holds nothing.

        It is asked again after 429, 5xx and a lost connection, unless `once`; a POST only if the one before cannot have
        been carried out.
        """

        def again(error: Exception) -> bool | float:
            if once or not isinstance(error, UnavailableError) or (method == "POST" and error.perhaps_done):
                return False
            return True if error.wait_s is None else min(error.wait_s, self.patience.longest_wait_s)

        return self.patience.retrying(again)(self._send, method, path, **content)

    def _send(self, method: str, path: str, **content: Any) -> Any:
        try:
            response = self.s.request(
                method,
                f"{self.url}{path}",
                auth=self.auth,
                verify=self.verify,
                timeout=(self.patience.connect_s, self.patience.answer_s),
                allow_redirects=False,  # a redirected POST would arrive as a GET
                **content,
            )
        except requests.exceptions.SSLError as error:
            raise GrafanaError(f"the certificate of {self.address} is not trusted ({_why(error)})") from error
        except (requests.exceptions.ConnectionError, requests.exceptions.Timeout) as error:
            raise UnavailableError(
                f"Grafana at {self.address} does not answer ({_why(error)}); start it, or set another address "
                "with --url or GIGAWATT_GRAFANA",
                perhaps_done=not _never_sent(error),
            ) from error
        except requests.exceptions.RequestException as error:
            raise GrafanaError(f"Grafana at {self.address} cannot be queried ({_why(error)})") from error
        return self._content(response, f"{method} /api{path}")

    def _content(self, response: requests.Response, asked: str) -> Any:
        status = response.status_code
        if status == _TOO_MANY or status >= _SERVER_ERROR:
            raise UnavailableError(
                f"Grafana at {self.address} reports an error: {_said(response)} ({status} on {asked})",
                status,
                perhaps_done=status != _TOO_MANY,
                wait_s=_retry_after_s(response.headers.get("Retry-After"), time.time()),
            )
        if status >= _CLIENT_ERROR:
            advice = f"; {_ADVICE[status]}" if status in _ADVICE else ""
            raise GrafanaError(f"Grafana rejects {asked}: {_said(response)} ({status}){advice}", status)
        if response.is_redirect:
            where = bare(response.headers["Location"])
            raise GrafanaError(f"{self.address} redirects to {where}; use that address with --url", status)
        if not response.content:
            return None
        try:
            return response.json()
        except requests.exceptions.JSONDecodeError as error:
            kind = response.headers.get("Content-Type", "something unnamed").partition(";")[0]
            raise GrafanaError(
                f"{self.address} answered {asked} with {kind}, not JSON; check whether it is a Grafana"
            ) from error


def _address(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        known = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        known = False
    if not known or parts.query or parts.fragment:
        raise GrafanaError(f"{url!r} is not an address of a Grafana; write it as http://host:3000")
    if parts.username or parts.password:
        raise GrafanaError("remove user and password from Grafana's address; put a token into GIGAWATT_GRAFANA_TOKEN")
    return parts


def _never_sent(error: requests.exceptions.RequestException) -> bool:
    """Say whether there was no connection to send anything over."""
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return True
    return isinstance(getattr(error.args[0] if error.args else None, "reason", None), NewConnectionError)


def _why(error: BaseException) -> str:
    """Return the innermost cause in a few words, without what the libraries in between say of it."""
    while error.__cause__ is not None or error.__context__ is not None:
        error = error.__cause__ or error.__context__ or error
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text).splitlines()[0][:160]


def _said(response: requests.Response) -> str:
    """Return what an error's body says, in one line; it may be JSON of any shape, a page, or nothing."""
    try:
        body = response.json()
    except requests.exceptions.JSONDecodeError:
        body = None if "html" in response.headers.get("Content-Type", "") else response.text
    if isinstance(body, dict):
        body = body.get("message") or body.get("error") or body
    return " ".join(str(body or response.reason or "nothing").split())[:300]


def _retry_after_s(header: str | None, now_s: float) -> float | None:
    """Return the seconds of a Retry-After header, which gives them or a date; None where it cannot be understood."""
    if header is None:
        return None
    if header.strip().isdecimal():
        return float(header)
    try:
        return max(email.utils.parsedate_to_datetime(header).timestamp() - now_s, 0.0)
    except ValueError:
        return None
