"""The users of ClickHouse that `schema.rights` lists, as SQL: made, and made again with another password."""

import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from schema import passwords
from schema.clickhouse import why
from schema.errors import GigawattError
from schema.rights import ROLES, Role

_SALT_BYTES: Final = 32
_DENIED, _IN_A_FILE = "Code: 497.", "Code: 495."


def read_passwords(directory: Path, roles: Sequence[Role] = ROLES) -> dict[str, str]:
    """Return the users' passwords: each in a file of the user's name. Raises `GigawattError` where one is missing."""
    missing = [role.user for role in roles if not (directory / role.user).is_file()]
    if missing:
        raise GigawattError(
            f"{directory} has no password for {', '.join(missing)}; write each into a file named like the user, with: "
            f"openssl rand -base64 24 > {directory / missing[0]}"
        )
    return {role.user: passwords.read(directory / role.user) for role in roles}


def make_users(
    client: Client,
    words: Mapping[str, str],
    said: Callable[[str], None] = lambda _: None,
    roles: Sequence[Role] = ROLES,
) -> None:
    """Make the users with these passwords, or give them these passwords and exactly their rights; safe to run again.

    Raises `GigawattError` where ClickHouse does not let its user do that.
    """
    for role in roles:
        try:
            for statement in statements(role, words[role.user]):
                client.command(statement)
        except DatabaseError as error:
            if _DENIED in str(error):
                raise GigawattError(
                    "this ClickHouse user may not create users; set GIGAWATT_CLICKHOUSE to a user who may, and who has "
                    "the same rights (access_management in the server's users.xml)"
                ) from error
            if _IN_A_FILE in str(error):
                raise GigawattError(
                    f"the user {role.user} is defined in a file of the ClickHouse server, which SQL cannot change; "
                    "remove it from users.xml or users.d, and run this again"
                ) from error
            raise GigawattError(f"ClickHouse cannot create the user {role.user} ({why(error)})") from error
        said(f"user {role.user}: {role.runs.replace('`', '')}")


def statements(role: Role, password: str) -> list[str]:
    """Return the statements that make a user. The password stands in none of them: only its salted hash does.

    What a user may is exchanged in one statement, so that one who works meanwhile is never without rights.
    """
    salt = secrets.token_hex(_SALT_BYTES)
    digest = hashlib.sha256(f"{password}{salt}".encode()).hexdigest()
    identified = f"IDENTIFIED WITH sha256_hash BY '{digest}' SALT '{salt}'"
    settings = settings_of(role)
    rights = ", ".join(f"{privileges} ON {what}" for privileges, what in role.granted())
    return [
        f"CREATE USER IF NOT EXISTS {role.user} {identified}",
        f"ALTER USER {role.user} {identified}{f' SETTINGS {settings}' if settings else ''}",
        f"GRANT {rights} TO {role.user} WITH REPLACE OPTION",
    ]


def settings_of(role: Role) -> str:
    """Return a user's settings with their bounds, as SQL has them."""
    readonly = [f"readonly = {role.readonly}"] if role.readonly else []
    bounds = [f"{name} = {one.value} MIN {one.least} MAX {one.most}" for name, one in role.bounds.items()]
    return ", ".join(readonly + bounds)
