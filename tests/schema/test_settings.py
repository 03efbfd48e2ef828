"""Settings are the environment's, then defaults."""

import pytest

from schema.errors import GigawattError
from schema.settings import Settings


def test_what_is_not_set_has_its_default():
    assert Settings.read({}) == Settings()


def test_what_is_set_counts():
    read = Settings.read({"GIGAWATT_KAFKA": "k:1", "GIGAWATT_PARTITIONS": "48", "GIGAWATT_OTHER": "x", "KAFKA": "y"})

    assert read == Settings(kafka="k:1", partitions=48)


@pytest.mark.parametrize("text", ["0", "-1", "many", "", "1.5"])
def test_a_count_that_cannot_be_is_an_error(text):
    with pytest.raises(GigawattError, match="GIGAWATT_REPLICATION"):
        Settings.read({"GIGAWATT_REPLICATION": text})
