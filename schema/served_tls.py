"""What a server of ours shows its clients: a certificate in files, read again for each connection when renewed."""

import contextlib
import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from schema import tls
from schema.errors import GigawattError

_WORDS: Final = {
    9: "is not valid yet; check the clocks",
    10: "has expired; renew it",
    26: "is not a server certificate",
}
"""By the TLS library's code for why a certificate is not good."""


class Served:
    """A certificate, its key, and the names that it is of. Raises `GigawattError` for files that no client would take.

    What is half written, or is no good, is passed over: what was read before goes on meanwhile.
    """

    def __init__(self, certificate: Path, key: Path | None) -> None:
        self.files: Final = (certificate, *((key,) if key is not None else ()))
        self._certificate, self._key = certificate, key
        self._names: frozenset[str] = frozenset()
        self._renewed = tls.Renewed(self._load, certificate, key)
        self.context: Final = _context(certificate, key)
        """For a server: each handshake goes by the files as they are then."""
        self.context.sni_callback = self._choose  # which is called where a client names nobody, too

    @property
    def names(self) -> frozenset[str]:
        """The host names and addresses that the certificate is of, in small letters; `*.` begins those of any part."""
        return self._names

    def _load(self) -> ssl.SSLContext:
        context = _context(self._certificate, self._key)
        self._names = _names(self._certificate, context)
        return context

    def _choose(self, connection: ssl.SSLSocket | ssl.SSLObject, _name: str | None, _: ssl.SSLContext) -> None:
        connection.context = self._renewed.context()


def _context(certificate: Path, key: Path | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.show(context, certificate, key)
    return context


def _names(certificate: Path, server: ssl.SSLContext) -> frozenset[str]:
    """Shake hands with oneself, as a client that believes this very certificate: that reads it, and judges it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(certificate)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(back, there)
    answering = server.wrap_bio(there, back, server_side=True)
    try:
        for side in (client, answering, client, answering):
            _go_on(side)
    except ssl.SSLCertVerificationError as error:
        words = _WORDS.get(error.verify_code, f"is invalid ({error.verify_message})")
        raise GigawattError(f"the certificate in {certificate} {words}") from error
    except ssl.SSLError as error:
        raise GigawattError(f"the certificate in {certificate} is invalid ({error})") from error
    shown: Any = client.getpeercert()
    return frozenset(_said(shown.get("subjectAltName", ())))


def _go_on(side: ssl.SSLObject) -> None:
    with contextlib.suppress(ssl.SSLWantReadError):
        side.do_handshake()


def _said(names: Iterable[tuple[str, str]]) -> Iterable[str]:
    return (name.lower() for kind, name in names if kind in {"DNS", "IP Address"})
