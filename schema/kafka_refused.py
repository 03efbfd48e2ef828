"""Why Kafka lets a client not in, or not do something: one line for the operator, with what to do next.

kafka-python wraps what it caught into errors of its own, so the chain of errors is searched.
"""

import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from kafka import errors

from schema.errors import GigawattError
from schema.kafka_access import KafkaAccess

if TYPE_CHECKING:
    from schema.kafka_tokens import Token

_NAME_CODES: Final = (62, 64)
"""X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH."""
_TIME_CODES: Final = {9: "is not valid yet", 10: "has expired"}
_ISSUER_CODES: Final = (2, 18, 19, 20, 21)
"""Chains that end with an authority that is not trusted."""
_NOT_TLS: Final = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG", "UNEXPECTED_EOF")
HANDSHAKE: Final = "Handshake failed"
"""What an error begins with whose connection did not come to TLS."""
_SILENT: Final = "socket disconnected"
"""As kafka-python has it."""


class MissingRightError(GigawattError):
    """The broker knows who asks, and does not allow it."""


@contextmanager
def needing(access: KafkaAccess, operation: str, resource: str) -> Iterator[None]:
    """Say which right is missing, whose and to what, where the broker rejects what is done meanwhile."""
    try:
        yield
    except errors.AuthorizationError as error:
        raise MissingRightError(missing_right(access, operation, resource)) from error


def missing_right(access: KafkaAccess, operation: str, resource: str) -> str:
    """Say that a right is missing."""
    return (
        f"Kafka denies {operation} on {resource} to {access.who}; `gigawatt acls` shows the rights of each role, "
        "and --apply grants them"
    )


def refusal(error: BaseException, access: KafkaAccess) -> str:
    """Say why a connection was refused; "" where that is not known, as of a broker that is away."""
    chain = list(_chain(error))
    if any(isinstance(one, (errors.KafkaTimeoutError, errors.RequestTimedOutError)) for one in chain):
        return ""  # nobody answered
    for one in chain:
        if isinstance(one, GigawattError):  # a file of ours that cannot be read any more
            return str(one)
        if isinstance(one, ssl.SSLError):
            return _tls_refusal(one, access)
        if said := _login_refusal(one, access):
            return said
    return _broken_off(chain, access)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        inner = next((one for one in error.args if isinstance(one, BaseException)), None)
        error = inner or error.__cause__ or error.__context__


def _tls_refusal(error: ssl.SSLError, access: KafkaAccess) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return _no_trust(error, access)
    reason = error.reason or ""
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError) or reason.startswith(_NOT_TLS):
        return _no_tls(access)
    if "CERTIFICATE" in reason or "UNKNOWN_CA" in reason or reason.endswith("HANDSHAKE_FAILURE"):
        return _certificate_refusal(reason, access)
    return f"TLS with the broker failed: {error.reason or error}"


def _no_trust(error: ssl.SSLCertVerificationError, access: KafkaAccess) -> str:
    if error.verify_code in _NAME_CODES:
        return (
            f"the broker's certificate is for another host ({error.verify_message}); connect by the name in it, "
            "and have its listener advertise that name"
        )
    if what := _TIME_CODES.get(error.verify_code):
        return f"the broker's certificate {what}; renew it on the broker, or check this machine's clock"
    if error.verify_code in _ISSUER_CODES:
        ca = access.tls and access.tls.ca
        known = f"ssl.ca.location={ca} does not contain" if ca else "this system does not trust; set ssl.ca.location"
        return f"the broker's certificate is signed by an authority that {known} ({error.verify_message})"
    return f"the broker's certificate is not trusted ({error.verify_message})"


def _certificate_refusal(reason: str, access: KafkaAccess) -> str:
    """Say what a broker's alert means. Java's says "unknown" and "bad" of expired certificates, too."""
    certificate = access.tls and access.tls.certificate
    if certificate is None:
        return "the broker requires a client certificate; set ssl.certificate.location and ssl.key.location"
    what = reason.partition("_ALERT_")[2].lower().replace("_", " ") or reason
    return (
        f"the broker rejects the certificate {certificate} ({what}); check whether it has expired "
        f"(openssl x509 -noout -dates -in {certificate}), and whether the broker trusts its CA"
    )


def _login_refusal(error: BaseException, access: KafkaAccess) -> str:
    if isinstance(error, errors.SaslAuthenticationFailedError):
        if access.token is None:
            return (
                f"the broker rejects user {access.username} with this password by {access.mechanism}; check "
                "sasl.username and sasl.password"
            )
        return _token_refusal(access.token)
    if isinstance(error, errors.UnsupportedSaslMechanismError):
        return f"the broker does not support {access.mechanism} at this port; check sasl.mechanism"
    if isinstance(error, errors.IllegalSaslStateError):
        return f"the broker accepts no login at this port; check security.protocol={access.protocol}"
    return ""


def _no_tls(access: KafkaAccess) -> str:
    return (
        "the broker closed the connection during the TLS handshake; check whether this port uses TLS, and "
        f"security.protocol={access.protocol}"
    )


def is_silent(error: BaseException) -> bool:
    """Say whether the broker closed a connection without a word: what it said before then counts."""
    return _SILENT in str(error)


def _broken_off(chain: list[BaseException], access: KafkaAccess) -> str:
    """Say what mostly is the matter where the broker did not say it."""
    if "SSL" in access.protocol and any(HANDSHAKE in str(one) for one in chain):
        return _no_tls(access)
    if any(isinstance(one, errors.KafkaProtocolError) for one in chain):
        return f"this address is not a broker, or requires TLS; check security.protocol={access.protocol}"
    if not any(is_silent(one) for one in chain):
        return ""
    if access.token is not None:
        return _token_refusal(access.token)
    wanted = {"PLAINTEXT": "TLS or a login", "SSL": "a login", "SASL_PLAINTEXT": "TLS"}.get(access.protocol)
    return f"the broker closed the connection; it may require {wanted}; check security.protocol" if wanted else ""


def _token_refusal(token: "Token") -> str:
    at_s = token.expired_at_s()
    why = "" if at_s is None else f"; it expired at {time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(at_s))}"
    return f"the broker rejects the token ({token.where}){why}; check its issuer and audience"
