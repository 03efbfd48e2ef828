"""A signal ends a command wherever it comes in between."""

import subprocess
import sys

import pytest

INTERRUPTED = """
import signal
from gigawatt.stopping import stop_on_signals

stop = stop_on_signals()
with stop._cond:  # as the main thread has it at the beginning and the end of each wait
    signal.raise_signal(signal.{number})
assert stop.wait(60)
print("stopped")
"""


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
def test_a_signal_that_comes_while_the_event_is_locked_ends_the_command(number):
    """About one `produce` in a thousand hung so."""
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED.format(number=number)],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert (done.returncode, done.stdout) == (0, "stopped\n"), done.stderr
