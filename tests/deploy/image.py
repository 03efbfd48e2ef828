"""The image as far as it can be made without an engine: its context, its wheel, and an environment of what is in it."""

import re
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement

from tests.deploy.compose import CHECKOUT

LOCK: Final = CHECKOUT / "requirements-image.lock"
_REMOVED: Final = {"setuptools"}
"""What the Dockerfile uninstalls after the build."""


def dockerfile() -> list[tuple[str, str]]:
    """Return each instruction and what it is given, lines joined."""
    text = re.sub(r"\\\n", " ", (CHECKOUT / "Dockerfile").read_text("utf-8"))
    return [
        (word, rest.strip())
        for word, _, rest in (line.partition(" ") for line in text.splitlines() if line and not line.startswith("#"))
    ]


def context() -> list[Path]:
    """Return the files that .dockerignore leaves, as paths in the checkout: it names what is in, at the top."""
    lines = (CHECKOUT / ".dockerignore").read_text("utf-8").splitlines()
    kept = [CHECKOUT / line[1:] for line in lines if line.startswith("!")]
    files = [file for one in kept for file in (one.rglob("*") if one.is_dir() else [one]) if file.is_file()]
    out = [line.removeprefix("**/") for line in lines if line.startswith("**/")]
    return sorted(
        file.relative_to(CHECKOUT)
        for file in files
        if not any(fnmatch(part, name) for part in file.parts for name in out)
    )


def locked() -> list[Requirement]:
    """Return what the image installs on this Python."""
    lines = re.findall(r"^[a-z0-9].*?==[^\\]*", LOCK.read_text("utf-8"), re.MULTILINE)
    wanted = [Requirement(line.strip()) for line in lines]
    return [one for one in wanted if one.name not in _REMOVED and (one.marker is None or one.marker.evaluate())]


def built_wheel(folder: Path) -> Path:
    """Build the wheel from the context alone."""
    for file in context():
        (folder / "context" / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(CHECKOUT / file, folder / "context" / file)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [*pip, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", folder, folder / "context"],
        check=True, timeout=120,
    )  # fmt: skip
    (wheel,) = folder.glob("*.whl")
    return wheel


def environment_of(wheel: Path, folder: Path) -> Path:
    """Make an environment of the wheel and of what the image's lock names, linked from here; return its command."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True, timeout=120)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", python]
    subprocess.run([*pip, "install", "--no-deps", "--no-index", wheel], check=True, timeout=120)
    (packages,) = folder.glob("lib/python*/site-packages")
    for one in locked():
        try:
            there = distribution(one.name)
        except PackageNotFoundError:
            raise AssertionError(f"{one} is in the image's lock and not here: make setup") from None
        assert there.version in one.specifier, f"{one.name} {there.version} is not the image's {one.specifier}"
        for top in {file.parts[0] for file in there.files or () if file.parts[0] not in {"..", "__pycache__"}}:
            if not (packages / top).exists():
                (packages / top).symlink_to(Path(str(there.locate_file(top))))
    return folder / "bin" / "gigawatt"
