"""Run the real command."""

import os
import subprocess
import sys
from collections.abc import Mapping


def gigawatt(
    *arguments: str, within_s: float = 60.0, env: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run `gigawatt` to its end, with some variables more in its environment, and give what it said."""
    command = [sys.executable, "-m", "gigawatt", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=within_s, check=False, env={**os.environ, **(env or {})}
    )
