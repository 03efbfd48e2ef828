"""Certificates in files, as clients and servers of ours use them: read anew when renewed, and told in words.

Whoever renews a certificate writes its file again; every new connection uses what stands there then. A file that is
half written is passed over: what was read before goes on meanwhile.
"""

import contextlib
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from schema.errors import GigawattError

NAME_CODES: Final = (62, 64)
"""X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH."""
_NOT_YET_CODE, _EXPIRED_CODE = 9, 10
"""X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED."""


class Renewed:
    """A TLS context made from files, and created again when one of them has changed. `make` raises `GigawattError`."""

    def __init__(self, make: Callable[[], ssl.SSLContext], *files: Path | None) -> None:
        self._make = make
        self._files = files
        self._stamp = stamp(*files)
        self._context = make()

    def context(self) -> ssl.SSLContext:
        """Return the context by the files as they are now, or as they were when they last could be read."""
        if (now := stamp(*self._files)) != self._stamp:
            with contextlib.suppress(GigawattError):
                self._context, self._stamp = self._make(), now
        return self._context


@dataclass(frozen=True)
class Named:
    """What the operator's settings for certificates are called, for lines that tell what to change."""

    ca: str = "--ca"
    certificate: str = "--cert"
    key: str = "--key"


def client_context(ca: Path | None, certificate: Path | None, key: Path | None) -> ssl.SSLContext:
    """Return the context of a client that believes what `ca` signed, else whom the system believes.

    It shows `certificate` to a server that asks who comes. Raises `GigawattError` for a file that is no good.
    """
    context = ssl.create_default_context() if ca is None else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if ca is not None:
        try:
            context.load_verify_locations(ca)
        except (OSError, ValueError) as error:  # the TLS library's errors are of the system's kind
            raise GigawattError(f"cannot read certificates from {ca}: {error}") from error
    if certificate is not None:
        show(context, certificate, key)
    return context


def show(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    """Have a context show a certificate, whose key is in `key` or beside it. Raises `GigawattError`."""
    files = " and ".join(str(file) for file in (certificate, key) if file is not None)
    try:
        # An empty password, or the library would ask for that of a locked key on the terminal.
        context.load_cert_chain(certificate, key, password="")
    except (OSError, ValueError) as error:
        raise GigawattError(
            f"cannot read a certificate with its key (without a password) from {files}: {error}"
        ) from error


def stamp(*files: Path | None) -> tuple[object, ...]:
    """Return what changes when one of the files does."""
    return tuple(_stamp(file) for file in files if file is not None)


def _stamp(file: Path) -> object:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def error_in(error: BaseException) -> ssl.SSLError | None:
    """Return the TLS library's error of which an error of a request was made; None where it is another's.

    By TLS 1.3 a server says only after the handshake, in the place of an answer, that it does not take a certificate.
    """
    todo: list[BaseException] = [error]
    seen: list[BaseException] = []
    while todo:
        one = todo.pop(0)
        # aiohttp's own errors are of these kinds, too, and know nothing of what happened: the library's is their cause.
        if isinstance(one, ssl.SSLError) and type(one).__module__ == "ssl":
            return one
        seen.append(one)
        inside = (one.__cause__, one.__context__, getattr(one, "reason", None), *one.args)
        todo += [inner for inner in inside if isinstance(inner, BaseException) and inner not in (*seen, *todo)]
    return None


def last_words(host: str, port: int, context: ssl.SSLContext, within_s: float = 5.0) -> ssl.SSLError | None:
    """Shake hands, say nothing, and return why the server ends that; None where it does not, or cannot be reached.

    A server's alert is lost where a request was on its way already when it hung up.
    """
    try:
        with (
            socket.create_connection((host, port), timeout=within_s) as plain,
            context.wrap_socket(plain, server_hostname=host) as wrapped,
        ):
            wrapped.recv(1)
    except ssl.SSLError as error:
        return error
    except OSError:
        pass
    return None


def untrusted(error: ssl.SSLError, named: Named) -> str:
    """Say in words of the operator why a server's certificate is not believed, or "" for another trouble."""
    code = getattr(error, "verify_code", None)
    if not isinstance(error, ssl.SSLCertVerificationError):
        return ""
    if code in NAME_CODES:
        return f"has a certificate for another name ({error.verify_message}); connect by the name in it"
    if code == _EXPIRED_CODE:
        return "has an expired certificate; renew it on the server"
    if code == _NOT_YET_CODE:
        return "has a certificate that is not valid yet; check the clocks"
    return (
        f"has an untrusted certificate ({error.verify_message}); name the file of the CA that signed it with {named.ca}"
    )


def alert(error: ssl.SSLError, named: Named) -> str:
    """Say in words of the operator what a server made of our certificate, or that it does not speak TLS; or ""."""
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return (
            "closed the connection during the TLS handshake; it may require a client certificate "
            f"({named.certificate}), or another one"
        )
    reason = getattr(error, "reason", None) or ""
    said = next((text for start, text in _ALERTS.items() if reason.startswith(start)), "")
    return said.format(named=named)


_WHO_ASKS: Final = (
    "requires a client certificate; set the certificate and its key with {named.certificate} and {named.key}"
)
_NO_TLS: Final = "does not use TLS at this port; check whether it is http, or another port"
_ALERTS: Final = {
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": _WHO_ASKS,
    "SSLV3_ALERT_HANDSHAKE_FAILURE": _WHO_ASKS,
    "TLSV1_ALERT_UNKNOWN_CA": "rejects the certificate of {named.certificate}: its CA is unknown there",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "rejects the certificate of {named.certificate}: it has expired",
    "SSLV3_ALERT_": "rejects the certificate of {named.certificate}; check its CA and subject",
    "WRONG_VERSION_NUMBER": _NO_TLS,
    "HTTP_REQUEST": _NO_TLS,
    "RECORD_LAYER_FAILURE": _NO_TLS,
    "PACKET_LENGTH_TOO_LONG": _NO_TLS,
}
"""By what the library's reason begins with."""
