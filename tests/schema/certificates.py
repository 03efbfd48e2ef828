"""Certificates of trustme's, in files as an operator has them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

HERE = "127.0.0.1"


@dataclass
class Files:
    """A certificate with those that signed it, and its key."""

    certificate: Path
    key: Path

    def renew(self, leaf: trustme.LeafCert) -> None:
        """Put another in their place, as who renews one does: the key first."""
        leaf.private_key_pem.write_to_path(self.key)
        chain = b"".join(pem.bytes() for pem in leaf.cert_chain_pems)
        part = self.certificate.with_suffix(".new")
        part.write_bytes(chain)
        part.replace(self.certificate)


def files(leaf: trustme.LeafCert, directory: Path, name: str) -> Files:
    """Write a certificate and its key to files of that name."""
    made = Files(directory / f"{name}.pem", directory / f"{name}.key")
    made.renew(leaf)
    return made


def ca_file(authority: trustme.CA, directory: Path, name: str = "ca.pem") -> Path:
    """Write an authority's own certificate to a file."""
    path = directory / name
    authority.cert_pem.write_to_path(path)
    return path


def expired(authority: trustme.CA, *names: str) -> trustme.LeafCert:
    """Return a certificate that was good until yesterday."""
    return authority.issue_cert(*names, not_after=datetime.now(UTC) - timedelta(days=1))
