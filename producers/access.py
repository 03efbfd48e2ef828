"""Who asks a server over HTTP, whom it believes, and the flags that say so: the same for meters and exporters' pages.

Secrets come from files and from the environment alone, never from flags: whoever may list processes reads those. They
are in no line about a server either. Files are read anew for each request, for tokens are renewed in place.
"""

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypedDict
from urllib.parse import urlsplit

import click
import structlog
import urllib3

from producers.source import SourceError
from producers.trust import SYSTEM, Trust
from schema.errors import GigawattError
from schema.files import read_text

EXPORTER: Final = "GIGAWATT_EXPORTER"
METER: Final = "GIGAWATT_METER"
"""What the settings of each kind of server begin with in the environment."""

_MAX_SECRET_BYTES: Final = 64 * 2**10


class AccessFlags(TypedDict, total=False):
    """What the flags of `options` say."""

    user: str | None
    password_file: Path | None
    token_file: Path | None
    ca_file: Path | None
    certificate_file: Path | None
    key_file: Path | None
    insecure: bool


@dataclass(frozen=True)
class Secret:
    """A password or a token: where it is read anew, or what it is."""

    what: str
    file: Path | None = None
    text: str = field(default="", repr=False)

    def read(self) -> str:
        """Return it. Raises `SourceError` where the file cannot be read, or holds nothing that can be sent."""
        if self.file is None:
            return self.text
        try:
            text = read_text(self.file, _MAX_SECRET_BYTES).rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not text"
            raise SourceError(f"cannot read the {self.what} from {self.file}: {why}") from error
        if not text:
            raise SourceError(f"the file of the {self.what}, {self.file}, is empty")
        return text


@dataclass(frozen=True)
class Access:
    """Who asks: as nobody, as a user with a password (HTTP Basic), or with a bearer token; and whom is believed."""

    user: str | None = None
    secret: Secret | None = None
    trust: Trust = SYSTEM

    def headers(self) -> dict[str, str]:
        """Return the headers of a request that say who asks. Raises `SourceError` as `Secret.read`."""
        if self.secret is None:
            return {}
        if self.user is None:
            token = self.secret.read().strip()
            if not (token.isascii() and token.isprintable()) or " " in token:
                raise SourceError(
                    f"{self.secret.file} does not contain a token; a token has no spaces and no line ends"
                )
            return {"Authorization": f"Bearer {token}"}
        return basic(self.user, self.secret.read())

    def check(self, url: str) -> None:
        """Raise `GigawattError` where the secret cannot be read, or would be sent in the clear."""
        self.headers()
        if self.secret is not None:
            refuse_in_the_clear(url, self.secret.what, self.trust)

    @property
    def missing(self) -> str:
        """What to do where an exporter says 401 or 403."""
        if self.secret is None:
            return f"use --user or --token-file, or set {EXPORTER}_USER or {EXPORTER}_TOKEN_FILE"
        return "check --user and the password" if self.user is not None else f"check the token in {self.secret.file}"


NOBODY: Final = Access()


def basic(user: str, password: str) -> dict[str, str]:
    """Return the header of HTTP Basic, in UTF-8."""
    utf8 = f"{user}:{password}".encode()
    return urllib3.make_headers(basic_auth=utf8.decode("latin-1"))  # which is how urllib3 makes bytes of it again


def refuse_in_the_clear(url: str, what: str, trust: Trust) -> None:
    """Raise `GigawattError` where a password or token would be sent over plain http beyond this machine."""
    parts = urlsplit(url)
    if parts.scheme == "http" and not trust.insecure and not _is_this_machine(parts.hostname or ""):
        address = f"{parts.scheme}://{parts.netloc}"
        raise GigawattError(f"the {what} would be sent to {address} unencrypted; use https, or --insecure")


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def options(prefix: str, *, token: bool = True) -> tuple[click.Option, ...]:
    """Return the flags; `prefix` is what their names in the environment begin with."""

    def file(flag: str, name: str, what: str) -> click.Option:
        variable = f"{prefix}_{flag.removeprefix('--').upper().replace('-', '_')}"
        kind = click.Path(path_type=Path)
        return click.Option([flag, name], type=kind, envvar=variable, show_envvar=True, help=what)

    bearer = file("--token-file", "token_file", "File with a bearer token; read for each request.")
    return (
        click.Option(
            ["--user"], envvar=f"{prefix}_USER", show_envvar=True, help="User name for the login.  [default: no login]"
        ),
        file(
            "--password-file",
            "password_file",
            f"File with the password.  [default: the value of {prefix}_PASSWORD]",
        ),
        *((bearer,) if token else ()),
        file(
            "--ca",
            "ca_file",
            "CA certificates to trust (PEM). A server certificate in this file is trusted whatever its name, such"
            " as a self-signed one of a controller.",
        ),
        file("--cert", "certificate_file", "Client certificate chain (PEM)."),
        file("--key", "key_file", "Private key of --cert (PEM).  [default: in the file of --cert]"),
        click.Option(
            ["--insecure"], is_flag=True, help="Accept any certificate, and send passwords and tokens over plain http."
        ),
    )


def trust_of(flags: AccessFlags) -> Trust:
    """Return whom is believed by the flags."""
    certificate, key = flags.get("certificate_file"), flags.get("key_file")
    if key is not None and certificate is None:
        raise GigawattError("--key needs its certificate; set --cert")
    return Trust(flags.get("ca_file"), flags.get("insecure", False), certificate, key)


def password_of(flags: AccessFlags, prefix: str, environment: Mapping[str, str]) -> Secret:
    """Return the password of the user in the flags: in its file, else in the environment."""
    file = flags.get("password_file")
    if file is not None:
        return Secret("password", file)
    if f"{prefix}_PASSWORD" not in environment:
        user = flags.get("user")
        raise GigawattError(f"no password for user {user!r}; set {prefix}_PASSWORD, or use --password-file")
    return Secret("password", text=environment[f"{prefix}_PASSWORD"])


def access_of(flags: AccessFlags, prefix: str, environment: Mapping[str, str] = os.environ) -> Access:
    """Return who asks, and whom is believed, by the flags. Raises `GigawattError` where they do not fit together."""
    user, token_file = flags.get("user"), flags.get("token_file")
    trust = trust_of(flags)
    if user is not None and token_file is not None:
        raise GigawattError("--user and --token-file are different logins; use one of them")
    if user is None and flags.get("password_file") is not None:
        raise GigawattError("--password-file needs a user; set --user")
    if user is not None and ":" in user:
        raise GigawattError(
            f"--user {user!r}: a user name cannot have a colon; the password comes from --password-file"
        )
    if trust.insecure:
        structlog.get_logger().warning("--insecure: any server is trusted, and may receive passwords and tokens")
    if user is not None:
        return Access(user, password_of(flags, prefix, environment), trust)
    return Access(None, None if token_file is None else Secret("token", token_file), trust)


def flags_of(prefix: str, environment: Mapping[str, str]) -> AccessFlags:
    """Return what the environment alone says, for who looks around before there are flags."""

    def file(name: str) -> Path | None:
        value = environment.get(f"{prefix}_{name}")
        return Path(value) if value else None

    return AccessFlags(
        user=environment.get(f"{prefix}_USER") or None,
        password_file=file("PASSWORD_FILE"),
        token_file=file("TOKEN_FILE"),
        ca_file=file("CA"),
        certificate_file=file("CERT"),
        key_file=file("KEY"),
    )
