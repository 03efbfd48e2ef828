"""The ClickHouse HTTP protocol: a request's URL and headers as one value, and the heads of the answers."""

import base64
import binascii
import json
import secrets
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from local.clickhouse.errors import AUTHENTICATION_FAILED, BAD_ARGUMENTS, NOT_IMPLEMENTED, EngineError, refusal

# URL parameters that speak to the HTTP server and are no settings of the engine.
_TRANSPORT = frozenset(
    {
        *("query", "database", "default_format", "user", "password", "query_id", "quota_key", "role"),
        *("session_id", "session_timeout", "session_check", "compress", "decompress", "buffer_size"),
        *("wait_end_of_query", "client_protocol_version", "enable_http_compression", "stacktrace"),
        *("send_progress_in_http_headers", "http_headers_progress_interval_ms"),
        *("cancel_http_readonly_queries_on_client_close", "add_http_cors_header"),
    }
)
_QUERY_ID_CHARACTERS = 200
# Sessions are kept by this name, so that its length is the memory of others; and for an hour at most, as in ClickHouse.
_SESSION_ID_CHARACTERS, _SESSION_MOST_S = 200, 3600
_NO_PARAMETERS: Mapping[str, str] = {}


@dataclass(frozen=True)
class Request:
    """What a request asks, apart from its body. `user` is empty when it names none and gives no password.

    `settings` keep the URL's order; `params` are the query parameters without `param_`, in ClickHouse's
    escaped form; `revision` is the client's protocol version, 0 when it names none.
    """

    user: str
    password: str
    query: bytes
    query_id: str
    database: str
    default_format: str
    session_id: str
    session_timeout_s: int
    settings: tuple[tuple[str, str], ...]
    params: Mapping[str, str]
    read_only: bool
    wait_end: bool
    compress: bool
    accept_encoding: str
    content_encoding: str
    revision: int
    client: str


def parse_request(method: str, url_params: Iterable[tuple[str, str]], headers: Mapping[str, str]) -> Request:
    """Read a request's URL parameters and headers. Raises EngineError for what the front does not serve."""
    url = dict(url_params)
    if url.get("compress", "0") != "0" or url.get("decompress", "0") != "0":
        raise refusal(
            NOT_IMPLEMENTED,
            "NOT_IMPLEMENTED",
            "compress=1 and decompress=1 are not supported; use Accept-Encoding and Content-Encoding.",
        )
    user, password = _credentials(url, headers)
    return Request(
        user=user,
        password=password,
        query=url.get("query", "").encode("utf-8", "surrogateescape"),
        query_id=_query_id(url.get("query_id") or headers.get("X-ClickHouse-Query-Id", "")),
        database=url.get("database") or headers.get("X-ClickHouse-Database", ""),
        default_format=url.get("default_format") or headers.get("X-ClickHouse-Format") or "TabSeparated",
        session_id=_session_id(url.get("session_id", "")),
        session_timeout_s=min(_whole(url.get("session_timeout", ""), 60), _SESSION_MOST_S),
        settings=tuple(item for item in url.items() if item[0] not in _TRANSPORT and not _is_param(item[0])),
        params={name[6:]: value for name, value in url.items() if _is_param(name)} or _NO_PARAMETERS,
        read_only=method == "GET",
        wait_end=url.get("wait_end_of_query", "0") != "0",
        compress=url.get("enable_http_compression", "0") != "0",
        accept_encoding=headers.get("Accept-Encoding", ""),
        content_encoding=headers.get("Content-Encoding", "").lower(),
        revision=_whole(url.get("client_protocol_version", ""), 0),
        client=headers.get("User-Agent", ""),
    )


def with_form(request: Request, fields: Mapping[str, str]) -> Request:
    """Add the fields of a multipart form: the statement, and query parameters too long for a URL."""
    params = {name[6:]: value for name, value in fields.items() if _is_param(name)}
    query = fields.get("query", "").encode("utf-8", "surrogateescape")
    return replace(request, query=query or request.query, params={**request.params, **params})


def _is_param(name: str) -> bool:
    return name.startswith("param_")


def _whole(text: str, default: int) -> int:
    return int(text) if text.isdecimal() else default


def _credentials(url: Mapping[str, str], headers: Mapping[str, str]) -> tuple[str, str]:
    """Return user and password; two empty ones where none is named. Raises EngineError for what is unclear."""
    by_url = "user" in url or "password" in url
    by_header = "X-ClickHouse-User" in headers or "X-ClickHouse-Key" in headers
    by_scheme = "Authorization" in headers
    if by_url + by_header + by_scheme > 1:
        raise _unclear("set the user once: in the URL, in X-ClickHouse-User, or in Authorization")
    if by_header:
        return headers.get("X-ClickHouse-User") or "default", headers.get("X-ClickHouse-Key", "")
    if by_scheme:
        return _basic(headers["Authorization"])
    return (url.get("user") or "default", url.get("password", "")) if by_url else ("", "")


def _basic(authorization: str) -> tuple[str, str]:
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise _unclear("only the scheme Basic is supported")
    try:
        user, _, password = base64.b64decode(token, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise _unclear("the Authorization header is not valid Basic authentication") from None
    return user or "default", password


def _unclear(why: str) -> EngineError:
    return refusal(AUTHENTICATION_FAILED, "AUTHENTICATION_FAILED", f"Authentication failed: {why}.")


def _query_id(text: str) -> str:
    """Return the client's name for its query, or one made up. Raises EngineError for one that no header can carry."""
    if len(text) > _QUERY_ID_CHARACTERS or not (text.isascii() and text.isprintable()):
        raise refusal(BAD_ARGUMENTS, "BAD_ARGUMENTS", "A query_id is printable ASCII of at most 200 characters.")
    return text or str(uuid.uuid4())


def _session_id(text: str) -> str:
    """Return the client's name for its session. Raises EngineError for one that is too long to be kept."""
    if len(text) > _SESSION_ID_CHARACTERS:
        raise refusal(BAD_ARGUMENTS, "BAD_ARGUMENTS", f"A session_id has at most {_SESSION_ID_CHARACTERS} characters.")
    return text


@dataclass(frozen=True)
class Summary:
    """What a statement did, for the X-ClickHouse-Summary header."""

    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    result_rows: int = 0
    result_bytes: int = 0
    elapsed_ns: int = 0

    def header(self) -> str:
        """Give the JSON that ClickHouse writes, all values as strings."""
        return json.dumps({name: str(value) for name, value in vars(self).items()})


def answer_headers(request: Request, *, server_name: str) -> dict[str, str]:
    """Give the headers of every answer."""
    return {
        "X-ClickHouse-Query-Id": request.query_id,
        "X-ClickHouse-Server-Display-Name": server_name,
        "X-ClickHouse-Timezone": "UTC",
    }


def format_headers(fmt: str | None) -> dict[str, str]:
    """Give the headers that tell the output format; None for a statement that has no result."""
    headers = {"Content-Type": content_type(fmt)}
    return headers | {"X-ClickHouse-Format": fmt} if fmt else headers


def content_type(fmt: str | None) -> str:
    """Give the media type of an output format."""
    if fmt is None:
        return "text/plain; charset=UTF-8"
    if fmt.startswith("JSON"):
        lines = "EachRow" in fmt or fmt == "JSONLines"
        return "application/x-ndjson; charset=UTF-8" if lines else "application/json; charset=UTF-8"
    if fmt.startswith(("TSV", "TabSeparated")):
        return "text/tab-separated-values; charset=UTF-8"
    if fmt.startswith("CSV"):
        return "text/csv; charset=UTF-8"
    if fmt in {"Native", "RowBinary", "Arrow", "ArrowStream", "Parquet", "ORC"}:
        return "application/octet-stream"
    return "text/plain; charset=UTF-8"


def exception_tag() -> str:
    """Make the 16 letters that mark an exception inside of a result."""
    return secrets.token_hex(8)


def exception_block(tag: str, error: EngineError) -> bytes:
    """Give the bytes that report an error after the first bytes of a result (ClickHouse 25.11 and newer)."""
    text = f"{error}\n".encode()
    return b"\r\n__exception__\r\n%b\r\n%b%d %b\r\n__exception__\r\n" % (
        tag.encode(),
        text,
        len(text),
        tag.encode(),
    )
