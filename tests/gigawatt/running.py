"""Run the real command."""

import subprocess
import sys


def gigawatt(*arguments: str, within_s: float = 60.0) -> "subprocess.CompletedProcess[str]":
    """Run `gigawatt` to its end, away from any settings of the machine's own, and give what it said."""
    command = [sys.executable, "-m", "gigawatt", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=within_s, check=False)
