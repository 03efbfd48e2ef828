"""Choose the broker: Apache Kafka, or Tansu when Kafka cannot be downloaded or run."""

import os
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryFile

from local.broker import jars, java, kafka, tansu
from local.broker.running import Broker, Place
from schema.errors import GigawattError
from schema.home import home


class Kind(StrEnum):
    """Which broker is wanted; `auto` is Kafka where it can be had, else Tansu."""

    AUTO = "auto"
    KAFKA = "kafka"
    TANSU = "tansu"


def cache_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """Where downloads are kept: `gigawatt` in the user's cache home (XDG base directories)."""
    return Path(environ.get("XDG_CACHE_HOME") or home(environ) / ".cache", "gigawatt")


def jars_directory(cache: Path, state: Path, version: str, pinned: list[jars.Jar]) -> Path:
    """Return where the jars are, or are to be: beside the data where the cache cannot be written."""
    usual, beside = cache.absolute() / f"kafka-{version}", state / "cache" / f"kafka-{version}"
    if jars.lacking(pinned, usual) and (not jars.lacking(pinned, beside) or not _can_be_written(usual)):
        return beside
    return usual


def _can_be_written(directory: Path) -> bool:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=directory):
            return True
    except OSError:
        return False


def prepare(
    state: Path,
    port: int,
    *,
    kind: Kind = Kind.AUTO,
    cache: Path | None = None,
    retention: kafka.Retention = kafka.Retention(),  # noqa: B008 - a frozen value
    fetch: jars.Fetch = jars.fetch_from_maven,
    downloaded: Callable[[int, int], None] = lambda _done, _total: None,
    environ: Mapping[str, str] = os.environ,
) -> Broker:
    """Make a broker ready to be run with its data in `state`: download and format what is not there yet.

    `downloaded` hears of bytes done and bytes in all while there is something to download; a later start
    touches no network. GigawattError when the wanted broker cannot be had.
    """
    place = Place(state.absolute(), port)
    if kind is Kind.TANSU:
        return tansu.prepare(place, environ=environ)
    try:
        version, pinned = jars.pinned()
        directory = jars_directory(cache or cache_directory(environ), place.state, version, pinned)
        class_path = jars.class_path(pinned, directory, fetch=fetch, downloaded=downloaded)
    except jars.JarsMissingError as error:
        if kind is Kind.KAFKA:
            raise GigawattError(f"{error}; check the network, or use --broker tansu") from error
        return tansu.prepare(place, environ=environ, reason=str(error))
    return kafka.prepare(
        place,
        version=version,
        class_path=class_path,
        java=java.find(environ),
        retention=retention,
        environ=environ,
    )
