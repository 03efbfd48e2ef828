"""What is said to be published is what the database has."""

import re

import pytest

from schema.published import CONTRACT, INTERNAL, PUBLISHED, RULE_VIEWS

SINCE, UNTIL = "toDateTime(0, 'UTC')", "toDateTime(60, 'UTC')"
ARGUMENTS = {"at": UNTIL, "since": SINCE, "until": UNTIL, "step_s": 60, "length_s": 60, "lag_s": 60, "chip": "'chip'"}


@pytest.fixture(scope="module")
def client(engine):
    """Give a client of an empty database; nothing here writes."""
    made = engine.migrated_client()
    yield made
    made.close()


def called(client, name):
    """Return how a view is asked: what has parameters is called with some."""
    (made,) = client.query(f"SHOW CREATE TABLE {name}").first_row
    wanted = sorted(set(re.findall(r"\{(\w+):", made)))
    return f"{name}({', '.join(f'{one} = {ARGUMENTS[one]}' for one in wanted)})" if wanted else name


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_name_has_the_columns_that_are_said(client, name):
    """A migration that adds a column to a published view says so in schema/published.py."""
    found = client.query(f"DESCRIBE TABLE (SELECT * FROM {called(client, name)})").result_rows

    assert sorted(column for column, *_ in found) == sorted(PUBLISHED[name])


def test_no_reader_meets_a_type_of_the_store(client):
    """Drivers cannot read nulls of a SimpleAggregateFunction."""
    told = [
        (name, column)
        for name in PUBLISHED
        for column, kind, *_ in client.query(f"DESCRIBE TABLE (SELECT * FROM {called(client, name)})").result_rows
        if "AggregateFunction" in kind
    ]

    assert told == []


def test_every_table_is_published_or_internal(client):
    """A migration that adds a table or a view says there which it is."""
    found = [name for (name,) in client.query("SHOW TABLES").result_rows]

    assert sorted(found) == sorted([*PUBLISHED, *RULE_VIEWS, *INTERNAL])


def test_what_the_contract_names_is_published_with_all_its_columns():
    assert all(set(columns) <= set(PUBLISHED[name]) for name, columns in CONTRACT.items())
    assert all(len(set(columns)) == len(columns) for columns in PUBLISHED.values())
