"""How `gigawatt up` is reached from other machines: on one address, over TLS, and never without a password."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from schema.errors import GigawattError
from schema.loopback import is_loopback
from schema.served_tls import Served

_ANY: Final = frozenset({"", "*", "0.0.0.0", "::", "[::]"})  # noqa: S104  which are rejected


@dataclass(frozen=True)
class Outside:
    """The address on which others are listened to, and the files of the certificate that they see."""

    address: str
    certificate: Path
    key: Path | None = None

    def url(self, port: int) -> str:
        """Return the address of a port."""
        return f"https://{f'[{self.address}]' if ':' in self.address else self.address}:{port}"

    def served(self) -> Served:
        """Return what is shown to them. Raises `GigawattError` for files that no client would take."""
        return Served(self.certificate, self.key)


def outside_of(address: str, certificate: Path | None, key: Path | None) -> Outside | None:
    """Return how others reach this machine by the flags; None where they do not. Raises `GigawattError`."""
    host = address.strip("[]")
    if is_loopback(host):
        if certificate is not None or key is not None:
            raise GigawattError("--tls-certificate and --tls-key need --listen ADDRESS")
        return None
    if address in _ANY:
        raise GigawattError(
            f"--listen {address}: use one address of this machine that other machines reach; loopback is always served"
        )
    if certificate is None:
        raise GigawattError(
            f"--listen {address} needs a certificate of that name or address, and its key: give --tls-certificate FILE "
            "and --tls-key FILE (PEM)"
        )
    return Outside(host, certificate.absolute(), key and key.absolute())
