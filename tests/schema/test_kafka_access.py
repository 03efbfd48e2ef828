"""How Kafka is to be reached: by Kafka's own settings, of which none is ignored and no secret is told."""

import base64
import json
import ssl
import sys
from pathlib import Path
from shlex import quote

import pytest
import trustme

from schema.errors import GigawattError
from schema.kafka_access import OPEN, KafkaAccess
from schema.kafka_settings import KEYS, variable, without_settings
from schema.kafka_tokens import Token, token_of

SECRET = "hunter2-very-secret"  # noqa: S105  of nobody
SCRAM = {
    "GIGAWATT_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "GIGAWATT_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
    "GIGAWATT_KAFKA_SASL_USERNAME": "edge",
    "GIGAWATT_KAFKA_SASL_PASSWORD": SECRET,
}


def written(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def file(tmp_path):
    return lambda *lines: written(tmp_path / "client.properties", *lines)


def test_without_settings_it_is_in_the_clear():
    assert KafkaAccess.read(environment={"GIGAWATT_KAFKA": "a:1"}) == OPEN
    assert OPEN.context is None
    assert OPEN.who == "User:ANONYMOUS"


def test_settings_of_the_environment_have_kafkas_names():
    access = KafkaAccess.read(environment=SCRAM)

    assert (access.protocol, access.mechanism, access.username) == ("SASL_SSL", "SCRAM-SHA-512", "edge")
    assert access.password.read() == SECRET
    assert access.who == "User:edge"


def test_a_file_says_the_same(file):
    path = file(
        "# as librdkafka has it",
        "bootstrap.servers = kafka:9093",
        "security.protocol=sasl_ssl",
        "sasl.mechanisms=SCRAM-SHA-512",
        "sasl.username=edge",
        f"sasl.password={SECRET}",
    )
    access = KafkaAccess.read(environment={"GIGAWATT_KAFKA_CONFIG": str(path)})

    assert access.bootstrap == "kafka:9093"
    assert (access.protocol, access.mechanism) == ("SASL_SSL", "SCRAM-SHA-512")
    assert access.password.read() == SECRET


def test_a_login_as_java_has_it_is_understood(file):
    path = file(
        "security.protocol=SASL_SSL",
        "sasl.mechanism=PLAIN",
        "sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \\",
        '  username="edge" \\',
        '  password="a\\"b=c;d";',
    )
    access = KafkaAccess.read(path, {})

    assert (access.username, access.password.read()) == ("edge", 'a"b=c;d')


def test_a_secret_of_the_environment_completes_a_file(file):
    path = file("security.protocol=SASL_SSL", "sasl.mechanism=PLAIN", "sasl.username=edge")

    assert KafkaAccess.read(path, {"GIGAWATT_KAFKA_SASL_PASSWORD": SECRET}).password.read() == SECRET


def test_a_password_in_a_file_is_read_each_time(tmp_path):
    path = written(tmp_path / "password", "first")
    environment = {key: value for key, value in SCRAM.items() if "PASSWORD" not in key}
    access = KafkaAccess.read(environment={**environment, "GIGAWATT_KAFKA_SASL_PASSWORD_FILE": str(path)})
    assert access.password.read() == "first"

    written(path, "second")

    assert access.password.read() == "second"


@pytest.mark.parametrize(
    ("lines", "key"),
    [
        (["sasl.usrename=edge"], "sasl.usrename"),
        (["linger.ms=5"], "linger.ms"),
        (["ssl.truststore.location=a.jks"], "ssl.truststore.location"),
        (["security.protocol"], ":1"),
        (["security.protocol=TLS"], "security.protocol"),
        (["ssl.ca.location=ca.pem"], "ssl.ca.location"),
        (["security.protocol=SSL", "sasl.username=edge"], "sasl.username"),
        (["security.protocol=SASL_PLAINTEXT", "sasl.mechanism=PLAIN", "ssl.ca.location=a"], "ssl.ca.location"),
        (["security.protocol=SASL_SSL"], "sasl.mechanism"),
        (["security.protocol=SASL_SSL", "sasl.mechanism=GSSAPI"], "sasl.mechanism"),
        (["security.protocol=SASL_SSL", "sasl.mechanism=PLAIN"], "sasl.username"),
        (["security.protocol=SASL_SSL", "sasl.mechanism=PLAIN", "sasl.username=a"], "sasl.password"),
        (["security.protocol=SASL_SSL", "sasl.mechanism=OAUTHBEARER"], "sasl.oauthbearer.token.file"),
        (["security.protocol=SSL", "ssl.key.location=a.key"], "ssl.key.location"),
        (["security.protocol=SSL", "ssl.endpoint.identification.algorithm="], "ssl.endpoint.identification"),
        (["bootstrap.servers=kafka"], "HOST:PORT"),
        (["sasl.username=a", "sasl.username=b"], "sasl.username"),
        (["sasl.mechanism=PLAIN", "sasl.mechanisms=SCRAM-SHA-256"], "sasl.mechanism"),
        (
            [
                *("security.protocol=SASL_SSL", "sasl.mechanism=PLAIN", "sasl.username=a"),
                *(f"sasl.password={SECRET}", "sasl.password.file=b"),
            ],
            "sasl.password.file",
        ),
        (
            [
                *("security.protocol=SASL_SSL", "sasl.mechanism=PLAIN"),
                f'sasl.jaas.config=a.b.ScramLoginModule required username="a" password="{SECRET}";',
            ],
            "sasl.jaas.config",
        ),
        ([f'sasl.jaas.config=OAuthBearerLoginModule required clientSecret="{SECRET}";'], "sasl.jaas.config"),
    ],
)
def test_what_is_unknown_or_contradicts_itself_is_an_error_that_names_it(file, lines, key):
    with pytest.raises(GigawattError) as raised:
        KafkaAccess.read(file(*lines), {})

    assert key in str(raised.value)
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize(
    "name", ["GIGAWATT_KAFKA_SASL_PASWORD", "GIGAWATT_KAFKA_SSL_CA", "GIGAWATT_KAFKA_BOOTSTRAP_SERVERS"]
)
def test_a_mistyped_variable_is_an_error(name):
    with pytest.raises(GigawattError, match=name):
        KafkaAccess.read(environment={name: SECRET})


def test_variables_of_kubernetes_and_empty_ones_are_not_ours():
    """A service named gigawatt-kafka has Kubernetes set the first three in every pod."""
    environment = {
        "GIGAWATT_KAFKA_SERVICE_HOST": "10.0.0.1",
        "GIGAWATT_KAFKA_PORT": "tcp://10.0.0.1:9092",
        "GIGAWATT_KAFKA_PORT_9092_TCP": "tcp://10.0.0.1:9092",
        "GIGAWATT_KAFKA_SASL_PASSWORD": "",
    }
    assert KafkaAccess.read(environment=environment) == OPEN


def test_a_file_and_a_variable_must_agree(file):
    path = file("security.protocol=SSL")

    assert KafkaAccess.read(path, {"GIGAWATT_KAFKA_SECURITY_PROTOCOL": "SSL"}).protocol == "SSL"
    with pytest.raises(GigawattError, match=r"GIGAWATT_KAFKA_SECURITY_PROTOCOL set security.protocol"):
        KafkaAccess.read(path, {"GIGAWATT_KAFKA_SECURITY_PROTOCOL": "PLAINTEXT"})


def test_a_stack_of_our_own_knows_none_of_it():
    environment = {variable(key): "a" for key in KEYS} | {"GIGAWATT_KAFKA_CONFIG": "a", "GIGAWATT_KAFKA": "b"}

    assert without_settings(environment) == {"GIGAWATT_KAFKA": "b"}


def test_each_setting_is_written_down():
    page = (Path(__file__).parents[2] / "docs" / "security.md").read_text("utf-8")

    assert [key for key in KEYS if f"`{key}`" not in page] == []


def test_no_secret_is_in_what_is_shown_of_it():
    access = KafkaAccess.read(environment=SCRAM)
    token = token_of("sasl.oauthbearer.token.command", f"echo {SECRET}")

    assert SECRET not in f"{access!r} {token!r}"


def tls_files(folder: Path, authority: trustme.CA) -> dict[str, str]:
    leaf = authority.issue_cert("edge")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    leaf.private_key_and_cert_chain_pem.write_to_path(folder / "edge.pem")
    return {
        "GIGAWATT_KAFKA_SECURITY_PROTOCOL": "SSL",
        "GIGAWATT_KAFKA_SSL_CA_LOCATION": str(folder / "ca.pem"),
        "GIGAWATT_KAFKA_SSL_CERTIFICATE_LOCATION": str(folder / "edge.pem"),
    }


def handshake(client: ssl.SSLContext, server: ssl.SSLContext) -> str:
    """Shake hands in memory; return the name of the certificate that the client shows."""
    one, other = ssl.MemoryBIO(), ssl.MemoryBIO()
    asks, answers = client.wrap_bio(one, other, server_hostname="kafka"), server.wrap_bio(other, one, server_side=True)
    for _ in range(4):
        for side in (asks, answers):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return answers.getpeercert()["subjectAltName"][0][1]


def test_certificates_that_are_renewed_in_place_count_from_the_next_connection_on(tmp_path):
    authority = trustme.CA()
    context = KafkaAccess.read(environment=tls_files(tmp_path, authority)).context
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.verify_mode = ssl.CERT_REQUIRED
    authority.issue_cert("kafka").configure_cert(server)
    authority.configure_trust(server)
    assert handshake(context, server) == "edge"

    authority.issue_cert("renewed").private_key_and_cert_chain_pem.write_to_path(tmp_path / "edge.pem")

    assert handshake(context, server) == "renewed"
    (tmp_path / "edge.pem").write_text("half written")
    assert handshake(context, server) == "renewed"

    other = trustme.CA()
    other.cert_pem.write_to_path(tmp_path / "ca.pem")
    authority.issue_cert("renewed").private_key_and_cert_chain_pem.write_to_path(tmp_path / "edge.pem")
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(context, server)


@pytest.mark.parametrize("name", ["ca.pem", "edge.pem"])
def test_a_file_that_is_no_certificate_is_named(tmp_path, name):
    environment = tls_files(tmp_path, trustme.CA())
    (tmp_path / name).write_text("no certificate")

    with pytest.raises(GigawattError, match=name):
        KafkaAccess.read(environment=environment).check()


def jwt(expires_s: float) -> str:
    claims = base64.urlsafe_b64encode(json.dumps({"sub": "edge", "exp": expires_s}).encode()).decode().rstrip("=")
    return f"e30.{claims}.signature"


def test_a_token_in_a_file_is_read_for_each_connection(tmp_path):
    path = written(tmp_path / "token", "first")
    token = token_of("sasl.oauthbearer.token.file", str(path))
    assert token.read() == "first"

    written(path, "second")

    assert token.read() == "second"


def test_a_command_is_asked_again_before_its_token_expires():
    asked = []
    token = Token("a command", lambda: asked.append(1) or jwt(1000.0), kept=True, now_s=lambda: now_s[0])
    now_s = [0.0]
    first = token.read()
    assert (token.read(), len(asked), token.expired_at_s()) == (first, 1, None)

    now_s[0] = 980.0
    token.read()
    assert len(asked) == 2
    now_s[0] = 1010.0
    assert token.expired_at_s() == 1000.0


def test_a_command_whose_token_does_not_say_when_it_expires_is_asked_each_time():
    token = token_of("sasl.oauthbearer.token.command", f"{quote(sys.executable)} -c 'import os; print(os.getpid())'")

    assert token.read() != token.read()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("", "not a command"),
        ("'", "not a command"),
        ("/nowhere/token", "cannot be started"),
        (f"sh -c 'echo {SECRET}; echo {SECRET} >&2; exit 3'", "status 3"),
        (f"echo two words {SECRET}", "not give a token"),
    ],
)
def test_a_command_that_gives_no_token_is_an_error_without_what_it_prints(command, said):
    with pytest.raises(GigawattError, match=said) as raised:
        token_of("sasl.oauthbearer.token.command", command).read()

    assert SECRET not in str(raised.value)
