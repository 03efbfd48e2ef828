"""TLS to Kafka: whom we believe, and what we show, by the files as they are when a connection is made."""

import contextlib
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schema import tls
from schema.errors import GigawattError

if TYPE_CHECKING:
    from schema.kafka_access import Secret


@dataclass(frozen=True)
class Tls:
    """Whom we believe: those that `ca` (PEM file or folder) signed, else the system's. What we show: `certificate`.

    Its key is in `key`, or beside it. Without `check_hostname`, a good certificate of any host is taken.
    """

    ca: Path | None
    certificate: Path | None
    key: Path | None
    key_password: "Secret" = field(repr=False)
    check_hostname: bool

    def context(self) -> ssl.SSLContext:
        """Return a context that follows the files. Raises `GigawattError` for one that is no good now."""
        context = FollowingContext(ssl.PROTOCOL_TLS_CLIENT)
        context.follow(self)
        return context

    def load(self) -> ssl.SSLContext:
        """Return a context by the files as they are now. Raises `GigawattError`."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.check_hostname = self.check_hostname
        if self.ca is None:
            context.load_default_certs()
        else:
            folder = self.ca.is_dir()
            try:
                context.load_verify_locations(None if folder else self.ca, self.ca if folder else None)
            except OSError as error:  # the TLS library's errors are of the system's kind
                raise GigawattError(f"cannot read certificates from ssl.ca.location={self.ca}: {error}") from error
        if self.certificate is not None:
            self._show(context, self.certificate)
        return context

    def _show(self, context: ssl.SSLContext, certificate: Path) -> None:
        password = self.key_password.read()
        try:
            # Always a password: without, the library would ask for that of a locked key on the terminal.
            context.load_cert_chain(certificate, self.key, password=password)
        except (OSError, ValueError) as error:
            files = " with ".join(str(file) for file in (certificate, self.key) if file is not None)
            raise GigawattError(
                f"cannot read certificate and key from {files} ({error}); check ssl.certificate.location, "
                "ssl.key.location and ssl.key.password"
            ) from error

    def stamp(self) -> tuple[object, ...]:
        """Return what changes when one of the files does."""
        return tls.stamp(self.ca, self.certificate, self.key, self.key_password.file)


class FollowingContext(ssl.SSLContext):
    """Makes each connection by the files as they are then: clients keep one context for as long as they live.

    Files that are half written stay unread: what was read before goes on meanwhile.
    """

    _tls: Tls
    _stamp: tuple[object, ...]
    _read: ssl.SSLContext

    def follow(self, tls: Tls) -> None:
        """Read the files of `tls` now, and again when they have changed. Raises as `Tls.load`."""
        self._tls, self._stamp, self._read = tls, tls.stamp(), tls.load()

    def _current(self) -> ssl.SSLContext:
        stamp = self._tls.stamp()
        if stamp != self._stamp:
            with contextlib.suppress(GigawattError):
                self._read = self._tls.load()
                self._stamp = stamp
        return self._read

    def wrap_socket(self, *arguments: Any, **options: Any) -> ssl.SSLSocket:
        """Do as `SSLContext` does; kafka-python calls it."""
        return self._current().wrap_socket(*arguments, **options)

    def wrap_bio(self, *arguments: Any, **options: Any) -> ssl.SSLObject:
        """Do as `SSLContext` does; asyncio calls it, for aiokafka."""
        return self._current().wrap_bio(*arguments, **options)
