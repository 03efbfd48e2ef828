"""What is said to be published is what the database has."""

import pytest

from schema.published import CONTRACT, INTERNAL, PUBLISHED, RULE_VIEWS

SAMPLE_ARGUMENTS = {
    "_between": "(since = toDateTime(0, 'UTC'), until = toDateTime(60, 'UTC'))",
    "_at": "(at = toDateTime(60, 'UTC'))",
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_name_has_the_columns_that_are_said(client, name):
    """A migration that adds a column to a published view says so in schema/published.py."""
    call = name + next((given for end, given in SAMPLE_ARGUMENTS.items() if name.endswith(end)), "")
    found = [column for column, *_ in client.query(f"DESCRIBE TABLE (SELECT * FROM {call})").result_rows]

    assert sorted(found) == sorted(PUBLISHED[name])


def test_every_table_is_published_or_internal(client):
    """A migration that adds a table or a view says there which it is."""
    found = [name for (name,) in client.query("SHOW TABLES").result_rows]

    assert sorted(found) == sorted([*PUBLISHED, *RULE_VIEWS, *INTERNAL])


def test_what_the_contract_names_is_published_with_all_its_columns():
    assert all(set(columns) <= set(PUBLISHED[name]) for name, columns in CONTRACT.items())
    assert all(len(set(columns)) == len(columns) for columns in PUBLISHED.values())
