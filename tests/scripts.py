"""Python scripts that are run as commands, wherever the interpreter lies."""

import shlex
import sys
from pathlib import Path


def python_script(path: Path, body: str, *flags: str) -> Path:
    """Write a script that this interpreter runs with some flags; return its path.

    The first line of a script cannot name an interpreter in a path with a space: a shell does, and what it reads is a
    text to Python.
    """
    path.write_text(f"#!/bin/sh\n''':'\nexec {shlex.join([sys.executable, *flags])} \"$0\" \"$@\"\n'''\n{body}")
    path.chmod(0o755)
    return path
