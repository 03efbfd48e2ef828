"""The one place that makes ClickHouse clients: whom they believe, and who they say they are.

Files of passwords and certificates are named in the environment. Whoever renews one writes it again: clients that are
open take what stands there with their next request, or their next connection.
"""

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, unquote

import clickhouse_connect
import urllib3
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from clickhouse_connect.driver.httputil import check_env_proxy, get_pool_manager_options
from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from schema import passwords, tls
from schema.clickhouse_errors import FILES, answered, unreachable, why
from schema.errors import GigawattError
from schema.loopback import is_loopback
from schema.published import DATABASE
from schema.settings import clickhouse_address

__all__ = ["DATABASE", "ClickHouseAwayError", "Login", "address_of", "connect", "login_of", "trust_of", "why"]

_OWNER: Final = "default"
_PORT, _SECURE_PORT = 8123, 8443


class ClickHouseAwayError(GigawattError):
    """ClickHouse does not answer."""


@dataclass(frozen=True)
class Login:
    """A user of ClickHouse and the password, which stands in `file` if one is named. It is read for each request.

    Without a password, who has a certificate to show logs in with that, as the user who was named.
    """

    user: str
    text: str = field(default="", repr=False)
    file: Path | None = None
    by_certificate: bool = False

    @property
    def password(self) -> str:
        """The password of now. Raises `GigawattError` for a file that holds none."""
        return self.text if self.file is None else passwords.read(self.file)

    def headers(self) -> dict[str, str]:
        """Return the headers of a request that say who asks. Raises as `password`."""
        if self.by_certificate:
            return {"X-ClickHouse-User": self.user, "X-ClickHouse-SSL-Certificate-Auth": "on"}
        basic = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return {"Authorization": f"Basic {basic}"}


def connect(
    url: str,
    *,
    database: str | None = DATABASE,
    timeout_s: float = 30.0,
    environment: Mapping[str, str] = os.environ,
) -> Client:
    """Return a client of the ClickHouse at `url`, such as `https://user@host:8443`.

    Without a password in it, that is the one in the file that GIGAWATT_CLICKHOUSE_PASSWORD_FILE names. The user
    `default` of an engine that this user runs on this machine has one all the same: it is found by the port. Over
    https, GIGAWATT_CLICKHOUSE_CA names a file with whom to believe, GIGAWATT_CLICKHOUSE_CERTIFICATE and
    GIGAWATT_CLICKHOUSE_KEY a certificate to show.

    Raises `ClickHouseAwayError` when it does not answer, and `GigawattError` for a file that is no good. A client
    serves one request at a time: give each thread its own.
    """
    parts = clickhouse_address(url)
    login, trust = login_of(parts, environment), trust_of(parts, environment)
    try:
        return clickhouse_connect.get_client(
            interface=parts.scheme,
            host=parts.hostname,
            port=_port(parts),
            username=login.user,
            password="",  # each request has the one of then
            database=database or "default",
            connect_timeout=5,
            send_receive_timeout=timeout_s,
            autogenerate_session_id=False,
            query_limit=0,
            compress=False,
            pool_mgr=_pool(parts, login, trust),
        )
    except ClickHouseError as error:
        cause: BaseException = error
        if trust is not None and not answered(error):
            cause = tls.last_words(str(parts.hostname), _port(parts), trust.context()) or error
        raise ClickHouseAwayError(unreachable(address_of(parts), cause, secure=trust is not None)) from error


def address_of(parts: SplitResult) -> str:
    """Return host and port of a ClickHouse address."""
    host = f"[{parts.hostname}]" if ":" in str(parts.hostname) else parts.hostname
    return f"{host}:{_port(parts)}"


def _port(parts: SplitResult) -> int:
    return parts.port or (_SECURE_PORT if parts.scheme == "https" else _PORT)


def login_of(parts: SplitResult, environment: Mapping[str, str] = os.environ) -> Login:
    """Return who asks at a ClickHouse address. Raises `GigawattError` for a password file that is none.

    `user:@host` has no password, whatever file is named.
    """
    user = unquote(parts.username or _OWNER)
    if parts.password is not None:
        return Login(user, unquote(parts.password))
    if file := passwords.named(environment):
        return Login(user, file=file)
    if parts.scheme == "https" and parts.username and environment.get(FILES.certificate):
        return Login(user, by_certificate=True)
    if user == _OWNER and is_loopback(str(parts.hostname)):
        return Login(user, passwords.found(parts.port or _PORT, environment))
    return Login(user)


def trust_of(parts: SplitResult, environment: Mapping[str, str] = os.environ) -> tls.Renewed | None:
    """Return whom a client of an address believes; None for plain http. Raises `GigawattError` for a bad file."""
    if parts.scheme != "https":
        return None
    ca, certificate, key = (
        Path(environment[name]) if environment.get(name) else None for name in (FILES.ca, FILES.certificate, FILES.key)
    )
    if key is not None and certificate is None:
        raise GigawattError(f"{FILES.key} needs its certificate; set {FILES.certificate}")
    return tls.Renewed(lambda: tls.client_context(ca, certificate, key), ca, certificate, key)


def _pool(parts: SplitResult, login: Login, trust: tls.Renewed | None) -> urllib3.PoolManager:
    host = str(parts.hostname)
    # An engine on this machine is not to be asked for through a proxy, whatever the environment says.
    proxy = None if is_loopback(host) else check_env_proxy(parts.scheme, host, _port(parts))
    login.headers()  # a file that has no password is reported at once, and in our words
    options = get_pool_manager_options()
    manager = _Proxied(login, proxy, **options) if proxy else _Direct(login, **options)
    if trust is not None:
        manager.pool_classes_by_scheme = {"http": HTTPConnectionPool, "https": _secure_pool(trust)}
    return manager


def _secure_pool(trust: tls.Renewed) -> type[HTTPSConnectionPool]:
    """Return pools whose every new connection goes by the files as they are then."""

    class Connection(HTTPSConnection):
        def connect(self) -> None:
            self.ssl_context = trust.context()
            super().connect()

    class Pool(HTTPSConnectionPool):
        ConnectionCls = Connection

    return Pool


class _Direct(urllib3.PoolManager):
    """A pool whose every request has the login of now."""

    def __init__(self, login: Login, **options: Any) -> None:
        super().__init__(**options)
        self._login = login

    def urlopen(self, method: str, url: str, **named: Any) -> urllib3.BaseHTTPResponse:  # type: ignore[override]
        return super().urlopen(method, url, **_logged_in(named, self._login))


class _Proxied(urllib3.ProxyManager):
    """The same through a proxy."""

    def __init__(self, login: Login, proxy: str, **options: Any) -> None:
        super().__init__(proxy if "://" in proxy else f"http://{proxy}", **options)
        self._login = login

    def urlopen(self, method: str, url: str, **named: Any) -> urllib3.BaseHTTPResponse:  # type: ignore[override]
        return super().urlopen(method, url, **_logged_in(named, self._login))


def _logged_in(named: dict[str, Any], login: Login) -> dict[str, Any]:
    """Add the login to what a request is made of. It follows no redirect: the login is for nobody else."""
    others = {name: value for name, value in (named.get("headers") or {}).items() if name != "Authorization"}
    return {**named, "redirect": False, "headers": {**others, **login.headers()}}
