"""Whom a client believes: which certificates are good, and for which names; and which certificate it shows itself."""

import contextlib
import functools
import re
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import urllib3
from urllib3.exceptions import InsecureRequestWarning, SSLError
from urllib3.util.ssl_match_hostname import CertificateError, match_hostname

from producers.bounded import Deadline, pool_manager
from schema import tls
from schema.errors import GigawattError
from schema.files import read_bytes

_PEM: Final = re.compile("-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


class PinningContext(ssl.SSLContext):
    """Verifies a chain as always, and the name as well unless the certificate shown is one of `pinned` (DER).

    Management controllers sign for themselves, and mostly for another name than the address they are reached at. Who
    shows such a certificate has its key, as the handshake proves: that says more than any name in it.
    """

    pinned: frozenset[bytes] = frozenset()

    def wrap_socket(self, *arguments: Any, **options: Any) -> ssl.SSLSocket:
        """Shake hands. Raises `CertificateError` for a certificate of another name that is not pinned."""
        wrapped = super().wrap_socket(*arguments, **options)
        try:
            if wrapped.getpeercert(binary_form=True) not in self.pinned:
                names: Any = wrapped.getpeercert()
                match_hostname(names, options.get("server_hostname") or "")
        except ValueError:  # a CertificateError is one
            wrapped.close()
            raise
        return wrapped


@dataclass(frozen=True)
class Trust:
    """Whom to believe: the certificates in `ca_file`, else those of the system; with `insecure`, anyone.

    `certificate_file` is shown to a server that wants to know who asks; its key is in `key_file`, or beside it.
    """

    ca_file: Path | None = None
    insecure: bool = False
    certificate_file: Path | None = None
    key_file: Path | None = None

    @functools.cached_property
    def pool(self) -> dict[str, Any]:
        """What urllib3's pool is given, read once for all who believe the same. Raises as `load`."""
        return self.load()

    def load(self) -> dict[str, Any]:
        """Return that by the files as they are now. Raises `GigawattError` for one that is no good."""
        if self.ca_file is not None and not self.insecure:
            context: ssl.SSLContext = _pinning(self.ca_file)
        else:
            context = ssl.create_default_context()
        if self.insecure:
            urllib3.disable_warnings(InsecureRequestWarning)  # whoever opens it says so once, not at every request
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.certificate_file is not None:
            tls.show(context, self.certificate_file, self.key_file)
        # Where the context has looked at the name itself, urllib3 is not to.
        return {"ssl_context": context, **({"assert_hostname": False} if isinstance(context, PinningContext) else {})}

    def stamp(self) -> tuple[object, ...]:
        """Return what changes when one of the files does."""
        return tls.stamp(self.ca_file, self.certificate_file, self.key_file)


SYSTEM: Final = Trust()


class TrustedPool:
    """The connection to one server, created again when a file of the trust was renewed; plain unless `secure`."""

    def __init__(self, deadline: Deadline, trust: Trust, *, secure: bool) -> None:
        self._deadline = deadline
        self._trust = trust
        self._secure = secure
        self._stamp = trust.stamp()
        self._pool = pool_manager(deadline, **(trust.pool if secure else {}))

    def current(self) -> urllib3.PoolManager:
        """Return urllib3's pool. Files that are half written stay unread: what was read before goes on meanwhile."""
        if self._secure and (stamp := self._trust.stamp()) != self._stamp:
            with contextlib.suppress(GigawattError):
                renewed = pool_manager(self._deadline, **self._trust.load())
                self._pool.clear()
                self._pool, self._stamp = renewed, stamp
        return self._pool

    def close(self) -> None:
        """Close the connection."""
        self._pool.clear()


def _pinning(ca_file: Path) -> PinningContext:
    context = PinningContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    # A controller's own certificate, given as --ca, is trusted as it stands.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        shown = _PEM.findall(read_bytes(ca_file).decode("ascii", "replace"))
        context.load_verify_locations(ca_file)
        context.pinned = frozenset(map(ssl.PEM_cert_to_DER_cert, shown))
    except (OSError, ValueError) as error:  # the TLS library's errors are of the system's kind
        raise GigawattError(f"cannot read certificates from {ca_file}: {error}") from error
    return context


def tls_error(error: Exception) -> SSLError | None:
    """Return the TLS library's error, of which an error of a request is made; None where it is another's.

    By TLS 1.3 a server says only after the handshake, in the place of an answer, that it does not take a certificate.
    """
    if isinstance(error, SSLError):
        return error
    inner = next((one for one in (error, *error.args, error.__cause__) if isinstance(one, ssl.SSLError)), None)
    return None if inner is None else SSLError(inner)


def refusal(error: SSLError) -> str:
    """Say in words of the operator why there is no TLS with a service."""
    refused = error.args[0] if error.args else error
    if isinstance(refused, CertificateError) or getattr(refused, "verify_code", None) in tls.NAME_CODES:
        said = getattr(refused, "verify_message", None) or refused
        return (
            f"has a certificate for another name ({said}); connect by the name in it, or use --ca with this "
            "certificate, which is then trusted whatever its name"
        )
    if isinstance(refused, ssl.SSLCertVerificationError):
        return (
            f"has an untrusted certificate ({refused.verify_message}); use --ca with the CA certificate or with this "
            "certificate, or --insecure to accept any"
        )
    said = tls.alert(refused, tls.Named()) if isinstance(refused, ssl.SSLError) else ""
    return said or f"TLS failed: {(str(error).splitlines() or [type(error).__name__])[0][:200]}"
