"""Whom a client believes: which certificates are good, and for which names."""

import functools
import re
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from urllib3.exceptions import SSLError
from urllib3.util.ssl_match_hostname import CertificateError, match_hostname

from schema.errors import GigawattError
from schema.files import read_bytes

_PEM: Final = re.compile("-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_NAME_CODES: Final = (62, 64)
"""X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH."""


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
    """Whom to believe: the certificates in `ca_file`, else those of the system; with `insecure`, anyone."""

    ca_file: Path | None = None
    insecure: bool = False

    @functools.cached_property
    def pool(self) -> dict[str, Any]:
        """What urllib3's pool is told, Raises `GigawattError` for a file without certificates."""
        if self.insecure:
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            return {"ssl_context": context}
        if self.ca_file is None:
            return {"ssl_context": ssl.create_default_context()}
        return {"ssl_context": _pinning(self.ca_file), "assert_hostname": False}  # the context has looked at the name


SYSTEM: Final = Trust()


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
        raise GigawattError(f"no certificates can be read from {ca_file}: {error}") from error
    return context


def refusal(error: SSLError) -> str:
    """Say in words of the operator why there is no TLS with a service."""
    refused = error.args[0] if error.args else error
    if isinstance(refused, CertificateError) or getattr(refused, "verify_code", None) in _NAME_CODES:
        said = getattr(refused, "verify_message", None) or refused
        return (
            f"shows a certificate of another name ({said}): ask for it by its name, or give the file of this very "
            "certificate as --ca, which is then believed whatever its name"
        )
    if isinstance(refused, ssl.SSLCertVerificationError):
        return (
            f"shows a certificate that is not to be trusted ({refused.verify_message}): give the file of whoever "
            "signed it, or of this very certificate, as --ca, or believe anyone: --insecure"
        )
    return f"cannot be spoken to over TLS: {(str(error).splitlines() or [type(error).__name__])[0][:200]}"
