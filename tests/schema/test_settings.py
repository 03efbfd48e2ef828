"""Settings are the environment's, then defaults."""

import pytest

from schema.errors import GigawattError
from schema.settings import Settings, kafka_addresses


def test_what_is_not_set_has_its_default():
    assert Settings.read({}) == Settings()


def test_what_is_set_counts():
    read = Settings.read({"GIGAWATT_KAFKA": "k:1", "GIGAWATT_PARTITIONS": "48", "GIGAWATT_OTHER": "x", "KAFKA": "y"})

    assert read == Settings(kafka="k:1", partitions=48)


@pytest.mark.parametrize("text", ["a:9092", "a:9092,b:9092", "[::1]:9092"])
def test_brokers_may_be_several(text):
    assert Settings.read({"GIGAWATT_KAFKA": text}).kafka == text
    assert kafka_addresses(text) == text.split(",")


@pytest.mark.parametrize("text", ["", "foo", "a:", "a:9092,", "http://a:9092", "a:9092 b:9092"])
def test_what_names_no_broker_is_an_error(text):
    with pytest.raises(GigawattError, match="HOST:PORT"):
        Settings.read({"GIGAWATT_KAFKA": text})


@pytest.mark.parametrize("text", ["0", "-1", "many", "", "1.5"])
def test_a_count_that_cannot_be_is_an_error(text):
    with pytest.raises(GigawattError, match="GIGAWATT_REPLICATION"):
        Settings.read({"GIGAWATT_REPLICATION": text})
