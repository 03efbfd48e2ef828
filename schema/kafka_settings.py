"""Kafka's own client settings, by the names that people know: from the environment, and from one properties file.

`security.protocol` is GIGAWATT_KAFKA_SECURITY_PROTOCOL, and so on. The file is read as librdkafka reads it: a backslash
stands for itself, but at a line's end it continues the line, as in Java's files.

A key that is unknown is an error: a mistyped one would leave a connection less protected than it was meant to be. So is
one that is given twice with two values. Values are in no error: they may be secrets.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from schema.errors import GigawattError
from schema.files import read_text

VARIABLE: Final = "GIGAWATT_KAFKA_CONFIG"
"""Names the file in the environment."""
BOOTSTRAP: Final = "bootstrap.servers"
KEYS: Final = (
    "security.protocol",
    "sasl.mechanism",
    "sasl.username",
    "sasl.password",
    "sasl.password.file",
    "sasl.oauthbearer.token.file",
    "sasl.oauthbearer.token.command",
    "ssl.ca.location",
    "ssl.certificate.location",
    "ssl.key.location",
    "ssl.key.password",
    "ssl.key.password.file",
    "ssl.endpoint.identification.algorithm",
)

_PREFIX: Final = "GIGAWATT_KAFKA_"
_JAAS: Final = "sasl.jaas.config"
_SAME: Final = {"sasl.mechanisms": "sasl.mechanism", "metadata.broker.list": BOOTSTRAP}
_OURS: Final = re.compile(r"GIGAWATT_KAFKA_(?:SECURITY|SASL|SSL|BOOTSTRAP)_")
"""Others that begin with the prefix are not ours: Kubernetes makes some for a service that is named gigawatt-kafka."""
_STORE: Final = re.compile(r"ssl\.(?:truststore|keystore)\.")
_MODULE: Final = re.compile(r"[\w.]*\.(Plain|Scram)LoginModule\s+required\s+(.*);", re.DOTALL)
_OPTION: Final = re.compile(r'(\w+)\s*=\s*"((?:[^"\\]|\\.)*)"')
_MECHANISMS: Final = {"Plain": ("PLAIN",), "Scram": ("SCRAM-SHA-256", "SCRAM-SHA-512")}


def variable(key: str) -> str:
    """Return the environment variable that holds a key."""
    return _PREFIX + key.upper().replace(".", "_")


def without_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which a broker is reached in the clear, as those are that we start ourselves."""
    ours = {VARIABLE, *map(variable, KEYS)}
    return {name: value for name, value in environment.items() if name not in ours}


def read_settings(file: Path | None, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of a file and of the environment by their keys. Raises `GigawattError`.

    A variable that is empty counts as none: Compose passes those that are not set so.
    """
    found = {} if file is None else _login_of_java(_keys_of(_lines(file), str(file)), str(file))
    variables = {variable(key): key for key in KEYS}
    for name, value in environment.items():
        if name in variables and value:
            _put(found, variables[name], value, f"{file} and {name}")
        elif name not in variables and _OURS.match(name):
            raise GigawattError(f"{name} is not a setting; settings are {', '.join(variables)}")
    return found


def _lines(file: Path) -> str:
    try:
        return read_text(file)
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise GigawattError(f"cannot read Kafka's settings from {file}: {why}") from None  # the text may be a secret


def _keys_of(text: str, where: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, line in _entries(text.split("\n")):
        key, equals, value = line.partition("=")
        key, value = key.strip(), value.strip()
        if not equals or not key:
            raise GigawattError(f"{where}:{number} is not a setting; write KEY=VALUE")
        key = _SAME.get(key, key)
        if key not in (*KEYS, BOOTSTRAP, _JAAS):
            raise GigawattError(f"{where}:{number}: {_unknown(key)}")
        _put(found, key, value, f"{where}:{number} and a line before it")
    return found


def _entries(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Yield lines that are no comments with their numbers, continued ones as one."""
    whole, began = "", 0
    for number, raw in enumerate(lines, 1):
        line = raw.strip()
        if not whole and (not line or line[0] in "#!"):
            continue
        began = began if whole else number
        if line.endswith("\\"):
            whole += line[:-1] + " "
            continue
        yield began, whole + line
        whole = ""
    if whole:
        yield began, whole


def _unknown(key: str) -> str:
    if _STORE.match(key):
        return (
            f"{key} is a Java keystore; use PEM files with ssl.ca.location, ssl.certificate.location and "
            "ssl.key.location"
        )
    return f"{key} is not a supported setting; remove it. Settings are {', '.join((*KEYS, BOOTSTRAP, _JAAS))}"


def _login_of_java(found: dict[str, str], where: str) -> dict[str, str]:
    """Replace Java's line of a login by the settings that say the same."""
    text = found.pop(_JAAS, None)
    if text is None:
        return found
    module = _MODULE.fullmatch(text)
    options = dict(_OPTION.findall(module[2])) if module else {}
    if module is None or not options.keys() <= {"username", "password"}:
        raise GigawattError(
            f"{where}: {_JAAS} is supported only with username and password of PlainLoginModule or ScramLoginModule; "
            "use sasl.username and sasl.password instead, or sasl.oauthbearer.token.file"
        )
    mechanism = found.get("sasl.mechanism", "").upper()
    if mechanism not in _MECHANISMS[module[1]]:
        raise GigawattError(
            f"{where}: {_JAAS} has the {module[1]}LoginModule, but sasl.mechanism is {mechanism or 'not set'}; use "
            f"{' or '.join(_MECHANISMS[module[1]])}"
        )
    for name, value in options.items():
        _put(found, f"sasl.{name}", re.sub(r"\\(.)", r"\1", value), f"{where}: {_JAAS} and its own line")
    return found


def _put(found: dict[str, str], key: str, value: str, where: str) -> None:
    if found.setdefault(key, value) != value:
        raise GigawattError(f"{where} set {key} to different values; remove one")
