"""A command is run to its end, within bounds, and nothing of it is left: real child processes."""

import sys
import time

import psutil
import pytest

from producers.pace import Pace
from producers.run import run
from producers.source import SourceError


def python(body: str, **bounds):
    return run("the command", [sys.executable, "-c", f"import os, sys, time\n{body}"], **{"within_s": 60.0, **bounds})


def test_a_command_says_what_it_prints():
    """Output, errors, status; bytes that are no text do not matter."""
    done = python("os.write(1, b'a\\xffb'); os.write(2, b'oh'); sys.exit(3)")

    assert (done.output, done.errors, done.status) == ("a\N{REPLACEMENT CHARACTER}b", "oh", 3)


def test_a_command_gets_no_input():
    """It would wait for us for ever."""
    assert python("print(repr(sys.stdin.read()))").output == "''\n"


def test_endless_output_is_an_error():
    """With little memory, and at once."""
    began = time.monotonic()
    with pytest.raises(
        SourceError, match=r"^the command printed more than 1 MiB; check whether it is the right command$"
    ):
        python("while True: os.write(1, b'x' * 65536)", most_bytes=2**20)
    assert time.monotonic() - began < 50


def test_endless_errors_are_cut_to_their_end():
    """Its last words are told, and it may go on to its end."""
    done = python("os.write(2, b'x' * 10_000_000); os.write(2, b'last'); print('done')")

    assert (done.output, done.errors[-5:]) == ("done\n", "xlast")
    assert len(done.errors) < 100_000


def test_a_command_that_does_not_end_is_killed_with_what_it_started(tmp_path):
    """Also what has left its pipes open and ignores signals."""
    said = tmp_path / "pids"
    body = f"""
import signal, subprocess
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
open({str(said)!r}, "w").write(f"{{os.getpid()}} {{child.pid}}")
time.sleep(60)
"""
    with pytest.raises(SourceError, match="the command did not finish within 5 s"):
        python(body, within_s=5.0)
    until_s = time.monotonic() + 60
    while any(runs(int(pid)) for pid in said.read_text().split()):
        assert time.monotonic() < until_s
        time.sleep(0.01)


def test_a_child_that_outlives_its_command_delays_nobody():
    """It holds the pipes open; the command has ended."""
    body = "import subprocess; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(200)']); print('done')"
    began = time.monotonic()
    assert python(body, within_s=200.0).output == "done\n"
    assert time.monotonic() - began < 100


def test_what_cannot_be_run_says_so():
    with pytest.raises(SourceError, match="cannot run it: No such file"):
        run("it", ["/no/such/command"], within_s=1.0)


def runs(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_an_ordinary_pace_never_rests():
    """A second's worth each second; and after a pause, a burst."""
    now = [0.0]
    pace = Pace(1000.0, 10.0, elapsed=lambda: now[0])
    for second in range(10):
        now[0] = float(second)
        assert pace.rest_s(1000, 10) == 0
    now[0] = 100.0
    assert pace.rest_s(2000, 1) == 0


def test_what_is_faster_rests_for_what_it_took():
    """By bytes or by lines, whichever is more."""
    pace = Pace(1000.0, 10.0, elapsed=lambda: 0.0)

    assert pace.rest_s(10_000, 1) == 8.0
    assert pace.rest_s(1, 100) == 18.0
