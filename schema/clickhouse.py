"""The one place that makes ClickHouse clients."""

import re
from urllib.parse import SplitResult, unquote

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from clickhouse_connect.driver.httputil import get_pool_manager

from schema import passwords
from schema.errors import GigawattError
from schema.loopback import is_loopback
from schema.settings import clickhouse_address

DATABASE = "gigawatt"
_OWNER = "default"


class ClickHouseAwayError(GigawattError):
    """ClickHouse does not answer."""


def connect(url: str, *, database: str | None = DATABASE, timeout_s: float = 30.0) -> Client:
    """Return a client of the ClickHouse at `url`, such as `http://user:password@host:8123`.

    Without a password in it, the user `default` of an engine that this user runs on this machine has one all the same:
    it is found by the port, or in the file that GIGAWATT_CLICKHOUSE_PASSWORD_FILE names.

    Raises `ClickHouseAwayError` when it does not answer. A client serves one request at a time: give each
    thread its own.
    """
    parts = clickhouse_address(url)
    user, password = credentials(parts)
    try:
        return clickhouse_connect.get_client(
            interface=parts.scheme,
            host=parts.hostname,
            port=parts.port or (8443 if parts.scheme == "https" else 8123),
            username=user,
            password=password,
            database=database or "default",
            connect_timeout=5,
            send_receive_timeout=timeout_s,
            autogenerate_session_id=False,
            query_limit=0,
            compress=False,
            # An engine on this machine is not to be asked for through a proxy, whatever the environment says.
            pool_mgr=get_pool_manager() if is_loopback(str(parts.hostname)) else None,
        )
    except ClickHouseError as error:
        raise ClickHouseAwayError(_away(f"{parts.hostname}:{parts.port or 8123}", error)) from error


def credentials(parts: SplitResult) -> tuple[str, str]:
    """Return user and password of a ClickHouse address. Raises `GigawattError` for a password file that is none."""
    user, password = unquote(parts.username or _OWNER), unquote(parts.password or "")
    if not password and user == _OWNER:
        here = is_loopback(str(parts.hostname))
        password = passwords.named() or (passwords.found(parts.port or 8123) if here else "")
    return user, password


def _away(address: str, error: ClickHouseError) -> str:
    """Say what is wrong with an address: ClickHouse refuses, something else is there, or nothing is."""
    text = str(error)
    if "DB::Exception" in text:
        variables = f"GIGAWATT_CLICKHOUSE, or {passwords.FILE_VARIABLE}"
        return f"ClickHouse at {address} refuses ({why(error)}); see user and password in {variables}"
    if status := re.search(r"HTTP status (\d+)", text):
        return (
            f"what answers at {address} is no ClickHouse (HTTP status {status[1]}); "
            "name ClickHouse's HTTP port with --clickhouse or GIGAWATT_CLICKHOUSE"
        )
    return f"ClickHouse at {address} does not answer ({why(error)}); start it, or name another with GIGAWATT_CLICKHOUSE"


def why(error: BaseException) -> str:
    """Return the innermost cause in a few words, without what the libraries in between say of it."""
    while error.__cause__ is not None or error.__context__ is not None:
        error = error.__cause__ or error.__context__ or error
    return (str(error).splitlines() or [type(error).__name__])[0][:160]
