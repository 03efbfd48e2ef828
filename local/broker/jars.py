"""Apache Kafka's jars in the cache: pinned by version and SHA-256, downloaded once, whole or not at all."""

import fcntl
import hashlib
import json
import os
import shutil
import ssl
from collections.abc import Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from schema.errors import GigawattError

if TYPE_CHECKING:
    from collections.abc import Iterator

PINS = files(__package__).joinpath("jars.json")  # written by `python -m local.broker.pin`
BUNDLE = "REQUESTS_CA_BUNDLE"  # names certificates to requests, through which jgo downloads
CONNECTIONS = 4  # most jars are small: waiting for answers, not bytes, is what takes the time

Advance = Callable[[int], None]  # told of every so many more bytes


@dataclass(frozen=True)
class Jar:
    """One Maven artifact, `group:artifact:version`, and what its bytes must be."""

    coordinate: str
    bytes: int
    sha256: str

    @property
    def file_name(self) -> str:
        """Its name in Maven and in the cache, e.g. kafka_2.13-4.4.0.jar."""
        _, artifact, version = self.coordinate.split(":")
        return f"{artifact}-{version}.jar"


Fetch = Callable[[Jar, Path, Advance], Path]  # into a directory; OSError or RuntimeError when it cannot


class JarsMissingError(GigawattError):
    """The jars are not in the cache and could not be downloaded."""


def pinned() -> tuple[str, list[Jar]]:
    """Kafka's version and all the jars that it runs on."""
    pins = json.loads(PINS.read_text())
    return pins["kafka"], [Jar(**jar) for jar in pins["jars"]]


def fetch_from_maven(jar: Jar, directory: Path, advance: Advance) -> Path:
    """Download one artifact with jgo, which follows Maven's layout of paths below `directory`."""
    from jgo.maven import MavenContext, PythonResolver  # noqa: PLC0415  an image of workers has none

    @contextmanager
    def progress(_name: str, _size: int) -> "Iterator[Advance]":
        yield advance

    def watched(name: str, size: int) -> AbstractContextManager[Advance]:
        return progress(name, size)

    maven = MavenContext(repo_cache=directory, resolver=PythonResolver(progress_callback=watched))
    group, artifact, version = jar.coordinate.split(":")
    path: Path = maven.project(group, artifact).at_version(version).artifact().resolve()
    return path


def class_path(
    jars: list[Jar],
    directory: Path,
    *,
    fetch: Fetch = fetch_from_maven,
    downloaded: Callable[[int, int], None] = lambda _done, _total: None,
) -> list[Path]:
    """Every jar's path in `directory`, after downloading those that are not there.

    `downloaded` hears of bytes done and bytes in all. A jar only gets its name in `directory` once its
    SHA-256 is the pinned one, so what bears that name is not read again. JarsMissingError when a jar cannot
    be had.
    """
    if lacking(jars, directory):
        try:
            directory.mkdir(parents=True, exist_ok=True)
            with (directory / ".lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)  # another process may be at it: then it is waited for
                download_trusting(lambda: download(lacking(jars, directory), directory, fetch, downloaded))
        except (OSError, RuntimeError) as error:  # requests' errors are OSErrors; jgo raises RuntimeError
            raise JarsMissingError(f"Apache Kafka cannot be downloaded: {reason(error)}") from error
    return [directory / jar.file_name for jar in jars]


def download_trusting(download: Callable[[], None], environ: MutableMapping[str, str] = os.environ) -> None:
    """Call `download`, and again with the certificates of this system when Maven's is not among requests' own.

    Behind a proxy that looks into TLS only the system knows whom to trust; what comes is checked by its SHA-256 anyway.
    """
    try:
        download()
    except OSError as error:
        paths = ssl.get_default_verify_paths()
        trusted = paths.cafile or paths.capath
        if type(error).__name__ != "SSLError" or not trusted or BUNDLE in environ:
            raise
        environ[BUNDLE] = trusted
        download()


def lacking(jars: list[Jar], directory: Path) -> list[Jar]:
    """Those of `jars` that are not in `directory`."""
    return [jar for jar in jars if not (directory / jar.file_name).is_file()]


def reason(error: Exception) -> str:
    """Why a download failed, in a few words: requests' own are a page of nested reprs, and have no errno."""
    if isinstance(error, OSError):
        return error.strerror or f"Maven cannot be reached ({type(error).__name__})"
    return next(iter(str(error).splitlines()), type(error).__name__)


def download(jars: list[Jar], directory: Path, fetch: Fetch, downloaded: Callable[[int, int], None]) -> None:
    """Bring all `jars` into `directory`, a few at a time; the first failure ends it."""
    total = sum(jar.bytes for jar in jars)
    done = 0
    one_at_a_time = Lock()

    def advance(count: int) -> None:
        nonlocal done
        with one_at_a_time:
            done += count
            downloaded(done, total)

    scratch = directory / ".download"
    shutil.rmtree(scratch, ignore_errors=True)  # what a download left that was killed
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        waiting = [pool.submit(bring, jar, directory, scratch, fetch, advance) for jar in jars]
        try:
            for future in waiting:
                future.result()
        finally:
            for future in waiting:
                future.cancel()
    shutil.rmtree(scratch, ignore_errors=True)


def bring(jar: Jar, directory: Path, scratch: Path, fetch: Fetch, advance: Advance) -> None:
    """Download one jar beside the cache, check it, and only then give it its name."""
    path = fetch(jar, scratch, advance)
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != jar.sha256:
        raise RuntimeError(f"{jar.file_name} has SHA-256 {found}, not the pinned {jar.sha256}")
    path.replace(directory / jar.file_name)
