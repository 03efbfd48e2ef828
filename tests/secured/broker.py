"""Apache Kafka as one meets it where it is secured: TLS, logins of every kind, and its own authorizer.

Whoever has no right has none. The listener in the clear is the broker's own and the tests': who comes there is a super
user.
"""

import base64
import datetime as dt
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme
from cryptography.hazmat.primitives import serialization
from kafka import KafkaAdminClient
from kafka.admin import UserScramCredentialUpsertion

from local.broker import Broker, Kind, prepare
from local.broker.kafka import free_port
from schema.kafka_access import KafkaAccess
from tests.local.broker.conftest import running

HOST = "127.0.0.1"
ROLES = ("producer", "spooler", "worker", "migrate", "audit", "status")
ODD = "odd,na=me"
"""A user whose name has what SCRAM writes differently."""
USERS = ("admin", "nobody", ODD, *ROLES)
LISTENERS = ("login", "mutual", "plainlogin", "elsewhere", "expired")
_SUN = "org.apache.kafka.common.security"


def password_of(user: str) -> str:
    return f"{user}-secret-7f3a".replace(",", "").replace("=", "")


def token_of(user: str, lives_s: float = 3600.0) -> str:
    """Return a token that Kafka's validator for tests takes: nobody has signed it."""
    now_s = time.time()
    parts = ({"alg": "none"}, {"sub": user, "iat": now_s - 60, "exp": now_s + lives_s})
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."


def expired(authority: trustme.CA, *names: str, **more: str) -> trustme.LeafCert:
    now = dt.datetime.now(dt.UTC)
    before, after = now - dt.timedelta(days=2), now - dt.timedelta(days=1)
    return authority.issue_cert(*names, not_before=before, not_after=after, **more)


def write_for_java(leaf: trustme.LeafCert, path: Path) -> Path:
    """Write a certificate with its key as PKCS #8, the one form that Java reads."""
    key = serialization.load_pem_private_key(leaf.private_key_pem.bytes(), None)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(pem + b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    return path


@dataclass(frozen=True)
class Secured:
    """The running broker, its listeners by name, and files for its clients."""

    folder: Path
    authority: trustme.CA
    clear: str
    ports: dict[str, int]

    def at(self, listener: str = "login") -> str:
        return f"{HOST}:{self.ports[listener]}"

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    def config(self, user: str, listener: str = "login", **changed: str) -> Path:
        """Write a client's properties; `changed` are settings with _ for dots, "" to leave one out."""
        settings = {
            "bootstrap.servers": self.at(listener),
            "security.protocol": {"mutual": "SSL", "plainlogin": "SASL_PLAINTEXT"}.get(listener, "SASL_SSL"),
            "sasl.mechanism": "" if listener == "mutual" else "SCRAM-SHA-512",
            "sasl.username": "" if listener == "mutual" else user,
            "sasl.password": "" if listener == "mutual" else password_of(user),
            "ssl.ca.location": "" if listener == "plainlogin" else str(self.ca),
            **{key.replace("_", "."): value for key, value in changed.items()},
        }
        path = self.folder / f"{user}-{listener}-{len(list(self.folder.iterdir()))}.properties"
        path.write_text("".join(f"{key}={value}\n" for key, value in settings.items() if value))
        return path

    def access(self, user: str, listener: str = "login", **changed: str) -> KafkaAccess:
        return KafkaAccess.read(self.config(user, listener, **changed), {})


def _settings(folder: Path, ports: dict[str, int]) -> dict[str, str]:
    protocols = {"login": "SASL_SSL", "mutual": "SSL", "plainlogin": "SASL_PLAINTEXT"}
    settings = {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "false",
        "super.users": "User:ANONYMOUS;User:admin",
        "ssl.principal.mapping.rules": "RULE:^.*CN=([^,]+).*$/$1/,DEFAULT",
        "listener.name.mutual.ssl.client.auth": "required",
    }
    plain = " ".join(f'user_{user}="{password_of(user)}"' for user in USERS if user != ODD)
    for listener in ports:
        name = f"listener.name.{listener}"
        if protocols.get(listener) != "SASL_PLAINTEXT":
            certificate = {"elsewhere": "elsewhere.pem", "expired": "expired.pem"}.get(listener, "broker.pem")
            settings |= {
                f"{name}.ssl.keystore.type": "PEM",
                f"{name}.ssl.keystore.location": str(folder / certificate),
                f"{name}.ssl.truststore.type": "PEM",
                f"{name}.ssl.truststore.location": str(folder / "ca.pem"),
            }
        if protocols.get(listener) == "SSL":
            continue
        settings |= {
            f"{name}.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
            f"{name}.plain.sasl.jaas.config": f"{_SUN}.plain.PlainLoginModule required {plain};",
            f"{name}.scram-sha-256.sasl.jaas.config": f"{_SUN}.scram.ScramLoginModule required;",
            f"{name}.scram-sha-512.sasl.jaas.config": f"{_SUN}.scram.ScramLoginModule required;",
            f"{name}.oauthbearer.sasl.jaas.config": (
                f'{_SUN}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";'
            ),
            f"{name}.oauthbearer.sasl.login.callback.handler.class": (
                f"{_SUN}.oauthbearer.internals.unsecured.OAuthBearerUnsecuredLoginCallbackHandler"
            ),
            f"{name}.oauthbearer.sasl.server.callback.handler.class": (
                f"{_SUN}.oauthbearer.internals.unsecured.OAuthBearerUnsecuredValidatorCallbackHandler"
            ),
        }
    names = {**dict.fromkeys(ports, "SASL_SSL"), **protocols}
    return settings | {"_map": ",".join(f"{name.upper()}:{names[name]}" for name in ports)}


def _secure(broker: Broker, folder: Path, ports: dict[str, int]) -> None:
    """Add what secures it to the properties of a broker that is not started yet."""
    properties = Path(broker.argv[-1])
    lines = dict(line.split("=", 1) for line in properties.read_text().splitlines())
    added = _settings(folder, ports)
    more = ",".join(f"{name.upper()}://{HOST}:{port}" for name, port in ports.items())
    lines["listeners"] += f",{more}"
    lines["advertised.listeners"] += f",{more}"
    lines["listener.security.protocol.map"] += f",{added.pop('_map')}"
    properties.write_text("".join(f"{key}={value}\n" for key, value in (lines | added).items()))


@contextmanager
def secured_kafka(folder: Path) -> Iterator[Secured]:
    """Run it, with all users and no rights."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    write_for_java(authority.issue_cert(HOST), folder / "broker.pem")
    write_for_java(authority.issue_cert("kafka.elsewhere.example"), folder / "elsewhere.pem")
    write_for_java(expired(authority, HOST), folder / "expired.pem")
    ports = {name: free_port(HOST) for name in LISTENERS}
    broker = prepare(folder / "state", free_port(HOST), kind=Kind.KAFKA)
    _secure(broker, folder, ports)
    with running(broker):
        admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap)
        for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512"):  # one a request
            made = admin.alter_user_scram_credentials(
                [UserScramCredentialUpsertion(user, mechanism, password_of(user)) for user in USERS]
            )
            assert not any(made.values()), made
        admin.close()
        yield Secured(folder, authority, broker.bootstrap, ports)
