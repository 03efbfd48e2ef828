"""How Kafka is to be reached: in the clear or over TLS, and as whom.

Made once from the settings, given to every client. What was renewed in place counts from the next connection on:
certificates, passwords in files, tokens.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from schema import passwords
from schema.errors import GigawattError
from schema.kafka_settings import BOOTSTRAP, VARIABLE, read_settings
from schema.settings import kafka_addresses

if TYPE_CHECKING:
    import ssl

    from schema.kafka_tls import Tls
    from schema.kafka_tokens import Token

PROTOCOLS: Final = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_TOKENS: Final = "OAUTHBEARER"
MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", _TOKENS)


@dataclass(frozen=True)
class Secret:
    """A password: what it is, or the file where it is read anew for each connection."""

    file: Path | None = None
    text: str = field(default="", repr=False)

    def read(self) -> str:
        """Return it. Raises `GigawattError` where its file has none."""
        return self.text if self.file is None else passwords.read(self.file)


@dataclass(frozen=True)
class KafkaAccess:
    """How the brokers are reached: Kafka's settings, checked. `bootstrap` is what the file says of them, if anything.

    `password` belongs to PLAIN and SCRAM, `token` to OAUTHBEARER, `tls` to SSL and SASL_SSL.
    """

    protocol: str = "PLAINTEXT"
    mechanism: str | None = None
    username: str = ""
    password: Secret = Secret()
    token: "Token | None" = None
    tls: "Tls | None" = None
    bootstrap: str | None = None

    @classmethod
    def read(cls, file: Path | None = None, environment: Mapping[str, str] = os.environ) -> "KafkaAccess":
        """Return what the file and the environment say; GIGAWATT_KAFKA_CONFIG names the file where there is no flag.

        Raises `GigawattError` for what is unknown, contradicts itself, or lacks something.
        """
        if file is None and environment.get(VARIABLE):
            file = Path(environment[VARIABLE])
        return access_of(read_settings(file, environment))

    @cached_property
    def context(self) -> "ssl.SSLContext | None":
        """TLS for every client, None without it. Raises `GigawattError` for a file that is no good."""
        return None if self.tls is None else self.tls.context()

    @property
    def who(self) -> str:
        """The principal as an operator knows it."""
        if self.username:
            return f"User:{self.username}"
        if self.token is not None:
            return f"the principal of the token ({self.token.where})"
        if self.tls is not None and self.tls.certificate is not None:
            return f"the principal of the certificate {self.tls.certificate}"
        return "User:ANONYMOUS"

    def check(self) -> None:
        """Raise `GigawattError` where a file that is needed cannot be read, or holds something else."""
        _ = self.context
        if self.token is not None:
            self.token.read()
        elif self.mechanism is not None:
            self.password.read()


OPEN: Final = KafkaAccess()
"""In the clear, as nobody."""


def access_of(found: Mapping[str, str]) -> KafkaAccess:
    """Return the access that Kafka's settings describe. Raises `GigawattError` naming the key that is wrong."""
    given = dict(found)
    bootstrap = given.pop(BOOTSTRAP, None)
    if bootstrap is not None:
        kafka_addresses(bootstrap)
    protocol = _one_of(PROTOCOLS, "security.protocol", given.pop("security.protocol", "PLAINTEXT"))
    tls = {key: given.pop(key) for key in list(given) if key.startswith("ssl.")}
    if tls and "SSL" not in protocol:
        raise GigawattError(
            f"{min(tls)} has no effect with security.protocol={protocol}; set security.protocol to SSL or SASL_SSL"
        )
    if given and "SASL" not in protocol:
        raise GigawattError(
            f"{min(given)} has no effect with security.protocol={protocol}; set it to SASL_SSL or SASL_PLAINTEXT"
        )
    return KafkaAccess(
        protocol=protocol,
        tls=_tls_of(tls) if "SSL" in protocol else None,
        bootstrap=bootstrap,
        **(_login_of(given) if "SASL" in protocol else {}),  # type: ignore[arg-type]
    )


def _login_of(given: dict[str, str]) -> dict[str, object]:
    if "sasl.mechanism" not in given:
        raise GigawattError(f"sasl.mechanism is missing; set one of {', '.join(MECHANISMS)}")
    mechanism = _one_of(MECHANISMS, "sasl.mechanism", given.pop("sasl.mechanism"))
    username = given.pop("sasl.username", "")
    password = _secret(given, "sasl.password")
    tokens = {key: given.pop(key) for key in list(given) if key.startswith("sasl.oauthbearer.")}
    if mechanism != _TOKENS:
        if tokens:
            raise GigawattError(f"{min(tokens)} has no effect with sasl.mechanism={mechanism}; set it to {_TOKENS}")
        if not username or password is None:
            missing = "sasl.password or sasl.password.file" if username else "sasl.username"
            raise GigawattError(f"{missing} is missing for sasl.mechanism={mechanism}")
        return {"mechanism": mechanism, "username": username, "password": password}
    if username or password is not None:
        which = "sasl.username" if username else "sasl.password"
        raise GigawattError(f"{which} has no effect with sasl.mechanism={_TOKENS}; the token names the principal")
    if len(tokens) != 1:
        raise GigawattError(
            f"sasl.mechanism={_TOKENS} needs one of sasl.oauthbearer.token.file and sasl.oauthbearer.token.command"
        )
    from schema.kafka_tokens import token_of  # noqa: PLC0415  a producer on every host pays for what it imports

    return {"mechanism": mechanism, "token": token_of(*tokens.popitem())}


def _tls_of(given: dict[str, str]) -> "Tls":
    from schema.kafka_tls import Tls  # noqa: PLC0415  the same

    checked = given.get("ssl.endpoint.identification.algorithm", "https")
    if checked not in {"https", "none"}:
        raise GigawattError(
            "ssl.endpoint.identification.algorithm must be https, or none to accept a certificate of any host"
        )
    certificate = given.get("ssl.certificate.location")
    password = _secret(given, "ssl.key.password")
    if certificate is None and (password is not None or "ssl.key.location" in given):
        which = "ssl.key.location" if "ssl.key.location" in given else "ssl.key.password"
        raise GigawattError(f"{which} needs its certificate; set ssl.certificate.location")
    return Tls(
        ca=_path(given, "ssl.ca.location"),
        certificate=_path(given, "ssl.certificate.location"),
        key=_path(given, "ssl.key.location"),
        key_password=password or Secret(),
        check_hostname=checked == "https",
    )


def _path(given: Mapping[str, str], key: str) -> Path | None:
    return Path(given[key]) if key in given else None


def _secret(given: dict[str, str], key: str) -> Secret | None:
    text, file = given.pop(key, None), given.pop(f"{key}.file", None)
    if text is not None and file is not None:
        raise GigawattError(f"{key} and {key}.file both set the password; remove one")
    if text is not None:
        return Secret(text=text)
    return None if file is None else Secret(Path(file))


def _one_of(known: tuple[str, ...], key: str, value: str) -> str:
    if value.upper() not in known:
        raise GigawattError(f"{key}={value} is not supported; use one of {', '.join(known)}")
    return value.upper()
