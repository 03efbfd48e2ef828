"""The users of ClickHouse as SQL: no password stands in it, the engines can read it, and a mistake is one line."""

import hashlib
import re
from dataclasses import dataclass, field

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from schema.errors import GigawattError
from schema.passwords import password_of
from schema.rights import ROLES
from schema.users import make_users, read_passwords, statements
from tests.gigawatt.running import gigawatt

SECRET = "hunter2 or 'so"  # noqa: S105  of nobody
HASHED = re.compile(r"IDENTIFIED WITH sha256_hash BY '([0-9a-f]{64})' SALT '([0-9a-f]{64})'")


@pytest.fixture
def words(tmp_path):
    """Give a directory with the password of each."""
    folder = tmp_path / "users"
    folder.mkdir()
    for role in ROLES:
        (folder / role.user).write_text(f"{SECRET}{role.user}\n")
    return folder


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.user)
def test_only_the_salted_hash_of_a_password_is_sent(role):
    made = "\n".join(statements(role, SECRET))
    (digest, salt), again = HASHED.findall(made)

    assert again == (digest, salt)
    assert digest == hashlib.sha256(f"{SECRET}{salt}".encode()).hexdigest()
    assert SECRET not in made
    assert statements(role, SECRET) != statements(role, SECRET)


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.user)
def test_both_engines_can_read_the_statements(either, role):
    """They cannot carry them out: the embedded engine keeps no users."""
    for statement in statements(role, SECRET):
        answer = either.raw("SELECT formatQuerySingleLine({sql:String}) FORMAT RawBLOB", param_sql=statement)
        assert answer.status == 200, answer.data
        assert role.user.encode() in answer.data


def test_a_user_is_given_exactly_these_rights():
    """What it had before goes in the same moment."""
    for role in ROLES:
        *_, grant = statements(role, SECRET)
        assert grant.endswith(f" TO {role.user} WITH REPLACE OPTION")
        assert grant.count(" ON ") == len(role.grants)


def test_passwords_are_in_files_of_the_users_names(words):
    assert read_passwords(words) == {role.user: f"{SECRET}{role.user}" for role in ROLES}


def test_a_password_that_is_missing_is_told(words):
    (words / ROLES[1].user).unlink()
    with pytest.raises(GigawattError, match=f"has no password for {ROLES[1].user}; write each into a file"):
        read_passwords(words)


def test_an_empty_file_is_told(words):
    (words / ROLES[1].user).write_text("\n")
    with pytest.raises(GigawattError, match=f"{ROLES[1].user} is empty; write the password into it"):
        read_passwords(words)


@dataclass
class Refusing:
    """A client whose ClickHouse refuses everything, and keeps what it was asked."""

    why: str
    asked: list[str] = field(default_factory=list)

    def command(self, statement):
        self.asked.append(statement)
        raise DatabaseError(self.why)


@pytest.mark.parametrize(
    ("why", "said"),
    [
        (
            "Code: 497. DB::Exception: default: Not enough privileges.",
            "this ClickHouse user may not create users; set GIG",
        ),
        (
            "Code: 495. DB::Exception: Cannot update user `grafana` in users_xml",
            "is defined in a file of the Click",
        ),
        (
            "Code: 514. DB::Exception: Could not insert user `gigawatt`",
            "ClickHouse cannot create the user gigawatt (Code: 514",
        ),
    ],
)
def test_why_a_user_is_not_made_is_told(words, why, said):
    """In one line, and nothing more is tried."""
    client = Refusing(why)
    with pytest.raises(GigawattError, match=re.escape(said)) as raised:
        make_users(client, read_passwords(words))

    assert len(client.asked) == 1
    assert SECRET not in str(raised.value)


def test_who_may_not_make_users_is_told(either, words):
    """In one line, without any password: such as the owner of the embedded engine."""
    owner = f"http://default:{password_of(either.path)}@127.0.0.1:{either.port}"
    done = gigawatt("migrate", "--skip-topics", "--users", str(words), env={"GIGAWATT_CLICKHOUSE": owner})

    assert done.returncode == 1
    assert done.stderr.startswith("gigawatt: this ClickHouse user may not create users; ")
    assert done.stderr.count("\n") == 1
    assert SECRET not in done.stderr + done.stdout
    assert password_of(either.path) not in done.stderr + done.stdout
