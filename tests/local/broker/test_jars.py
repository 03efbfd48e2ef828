import hashlib
from pathlib import Path

import pytest

from local.broker.jars import BUNDLE, Advance, Jar, JarsMissingError, class_path, download_trusting, pinned


def jar(name: str) -> Jar:
    """Make a jar whose bytes are its name."""
    return Jar(f"org.example:{name}:1.0", len(name), hashlib.sha256(name.encode()).hexdigest())


def honest(wanted: Jar, directory: Path, advance: Advance) -> Path:
    """Stand for a Maven that has every jar of `jar`."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / wanted.file_name
    path.write_text(wanted.coordinate.split(":")[1])
    advance(wanted.bytes)
    return path


def cut_off(wanted: Jar, directory: Path, advance: Advance) -> Path:
    """Stand for a Maven whose connection breaks in the middle of each jar."""
    honest(wanted, directory, advance).write_text("half a")
    raise ConnectionResetError("the connection broke")


def forged(wanted: Jar, directory: Path, advance: Advance) -> Path:
    """Stand for a Maven that serves something else, as a captive portal does."""
    path = honest(wanted, directory, advance)
    path.write_text("<html>")
    return path


def unreachable(_wanted: Jar, _directory: Path, _advance: Advance) -> Path:
    """Stand for a machine without a network."""
    raise ConnectionError


WANTED = [jar("one"), jar("two"), jar("three")]


def names(cache: Path) -> list[str]:
    """List what is in the cache."""
    return sorted(path.name for path in cache.iterdir() if path.name != ".lock")


def test_every_jar_is_pinned_to_its_bytes():
    """Kafka 4 and all that it needs, each with a SHA-256."""
    version, jars = pinned()

    assert version.startswith("4.")
    assert f"org.apache.kafka:kafka_2.13:{version}" in {jar.coordinate for jar in jars}
    assert all(len(jar.sha256) == 64 and jar.bytes > 0 for jar in jars)
    assert len({jar.file_name for jar in jars}) == len(jars)


def test_jars_are_downloaded_once(tmp_path: Path):
    """The second time, nothing is asked of the network."""
    first = class_path(WANTED, tmp_path, fetch=honest)

    assert first == class_path(WANTED, tmp_path, fetch=unreachable)
    assert [path.read_text() for path in first] == ["one", "two", "three"]


def test_progress_is_told_in_bytes(tmp_path: Path):
    """It ends at the sum of what there was to download."""
    told: list[tuple[int, int]] = []

    class_path(WANTED, tmp_path, fetch=honest, downloaded=lambda done, total: told.append((done, total)))

    assert told[-1] == (11, 11)


def test_a_broken_download_leaves_no_jar(tmp_path: Path):
    """Half a jar never gets the name of a whole one, and the next start downloads it."""
    with pytest.raises(JarsMissingError, match="Apache Kafka cannot be downloaded: "):
        class_path(WANTED, tmp_path, fetch=cut_off)
    assert names(tmp_path) in ([], [".download"])

    class_path(WANTED, tmp_path, fetch=honest)

    assert names(tmp_path) == ["one-1.0.jar", "three-1.0.jar", "two-1.0.jar"]


def test_a_jar_with_other_bytes_is_refused(tmp_path: Path):
    """What does not have the pinned SHA-256 is not run."""
    with pytest.raises(JarsMissingError, match="not the pinned"):
        class_path(WANTED, tmp_path, fetch=forged)

    assert names(tmp_path) in ([], [".download"])


def test_what_was_downloaded_before_a_failure_is_kept(tmp_path: Path):
    """Only the missing jars are asked for again."""
    class_path(WANTED[:2], tmp_path, fetch=honest)
    asked = []

    def counted(wanted: Jar, directory: Path, advance: Advance) -> Path:
        asked.append(wanted.coordinate)
        return honest(wanted, directory, advance)

    class_path(WANTED, tmp_path, fetch=counted)

    assert asked == ["org.example:three:1.0"]


class SSLError(OSError):
    """Named as that of requests, which is how it is known."""


def test_certificates_of_this_system_are_trusted_where_those_of_requests_are_not_enough():
    """A proxy that looks into TLS is known to the system alone; a bundle that the operator named is left as it is."""
    environ: dict[str, str] = {}
    asked = []

    def download():
        asked.append(dict(environ))
        if BUNDLE not in environ:
            raise SSLError

    download_trusting(download, environ)
    assert [BUNDLE in before for before in asked] == [False, True]
    assert Path(environ[BUNDLE]).exists()

    def refused():
        raise SSLError

    given = {BUNDLE: "/of/the/operator"}
    with pytest.raises(SSLError):
        download_trusting(refused, given)
    assert given == {BUNDLE: "/of/the/operator"}
