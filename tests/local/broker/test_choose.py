from pathlib import Path

import pytest

from local.broker import Kind, jars, prepare
from local.broker.choose import cache_directory, jars_directory
from local.broker.jars import Advance, Jar
from local.broker.kafka import free_port
from schema.errors import GigawattError
from tests.local.broker.conftest import running
from tests.local.broker.test_kafka import consume, create_topic, produce


def unreachable(_jar: Jar, _directory: Path, _advance: Advance) -> Path:
    """Stand for a machine without a network."""
    raise ConnectionError


def test_tansu_stands_in_where_maven_cannot_be_reached(tmp_path: Path):
    """It takes topics and messages like Kafka, and one line says what is lost by it."""
    port = free_port("127.0.0.1")
    broker = prepare(tmp_path / "state", port, cache=tmp_path / "cache", fetch=unreachable)

    assert broker.kind == "tansu"
    assert broker.notice is not None
    assert "in memory only" in broker.notice
    assert broker.notice.endswith("(Apache Kafka cannot be downloaded: Maven cannot be reached (ConnectionError))")
    with running(broker):
        create_topic(broker.bootstrap, "works")
        produce(broker.bootstrap, "works", [b"message"])
        assert [record.value for record in consume(broker.bootstrap, "works", 1)] == [b"message"]


def test_kafka_and_nothing_else_can_be_asked_for(tmp_path: Path):
    """Then an unreachable Maven is an error that says what to do."""
    with pytest.raises(GigawattError, match="check the network, or use --broker tansu"):
        prepare(tmp_path, 1, kind=Kind.KAFKA, cache=tmp_path / "cache", fetch=unreachable)


def test_tansu_can_be_asked_for(tmp_path: Path):
    """Then Maven is not asked at all."""
    assert prepare(tmp_path, 1, kind=Kind.TANSU, fetch=unreachable).kind == "tansu"


def test_downloads_are_kept_in_the_users_cache_home():
    """XDG_CACHE_HOME moves it."""
    assert cache_directory({"XDG_CACHE_HOME": "/somewhere"}) == Path("/somewhere/gigawatt")
    assert cache_directory({"HOME": "/somebody"}) == Path("/somebody/.cache/gigawatt")


def test_downloads_are_kept_beside_the_data_where_the_cache_cannot_be_written(tmp_path: Path):
    """A home that cannot be written is no reason to keep the log in memory; nothing is fetched twice."""
    version, pinned = jars.pinned()
    nowhere, cache, state = Path("/proc/nowhere"), tmp_path / "cache", tmp_path / "state"

    assert jars_directory(nowhere, state, version, pinned) == state / "cache" / f"kafka-{version}"
    assert jars_directory(cache, state, version, pinned) == cache / f"kafka-{version}"
    beside = state / "cache" / f"kafka-{version}"
    beside.mkdir(parents=True)
    for jar in pinned:
        (beside / jar.file_name).touch()
    assert jars_directory(cache, state, version, pinned) == beside
