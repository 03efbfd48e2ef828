"""Who may do what in Kafka: the roles of acls.toml, and how they are written for Kafka's own authorizer."""

import shlex
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple

from schema.errors import GigawattError

_USER: Final = "User:"


class Right(NamedTuple):
    """One thing that a principal may do: an operation of Kafka's, on a topic or group of that name."""

    operation: str
    kind: str
    name: str

    @property
    def words(self) -> tuple[str, str]:
        """The operation, and on what."""
        return self.operation, f"{self.kind} {self.name}"


@cache
def roles() -> Mapping[str, tuple[Right, ...]]:
    """Return the rights of each role."""
    table = tomllib.loads(files(__package__).joinpath("acls.toml").read_text("utf-8"))
    return {
        role: tuple(
            Right(operation, *resource.split(" "))
            for resource, operations in resources.items()
            for operation in operations
        )
        for role, resources in table.items()
    }


def named(text: str) -> tuple[str, str]:
    """Return role and principal of `ROLE=PRINCIPAL`. Raises `GigawattError`.

    A principal without a type is a user. All users at once are none: whoever reaches the broker would have the role.
    """
    role, equals, principal = text.partition("=")
    if role not in roles() or not equals or not principal:
        raise GigawattError(f"{text} has no role; write ROLE=PRINCIPAL with one of {', '.join(roles())}")
    if not principal.startswith(_USER):
        principal = _USER + principal
    if principal.removeprefix(_USER) in {"", "*", "ANONYMOUS"}:
        raise GigawattError(f"{text}: grant roles to named principals; {principal} means everybody")
    return role, principal


def commands(principal: str, rights: Iterable[Right], bootstrap: str) -> list[str]:
    """Return the lines of kafka-acls.sh that give a principal these rights, one for each resource."""
    operations: dict[tuple[str, str], list[str]] = {}
    for right in rights:
        operations.setdefault((right.kind, right.name), []).append(right.operation)
    return [
        shlex.join(
            [
                *("kafka-acls.sh", "--bootstrap-server", bootstrap, "--command-config", "admin.properties"),
                *("--add", "--allow-principal", principal),
                *(word for name in names for word in ("--operation", name)),
                *(f"--{kind}", name),
            ]
        )
        for (kind, name), names in operations.items()
    ]
