import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from producers.neuron.monitor import Command, Patience, Pipe
from tests.producers.neuron_stub import line, runtime, write_command

PATIENT = Patience(silent_s=60, hopeless_s=60, again_s=0.05, at_most_s=0.2, end_s=60)
"""On a busy machine a command starts late, and its silence would be told first."""
QUICK = replace(PATIENT, silent_s=0.3, hopeless_s=0.6, end_s=0.3)
"""For those that hang."""
LINE = line(runtime({0: 50.0}))
PROJECT = Path(__file__).parents[3]


def until(answer):
    """Wait until that answers; return the answer."""
    end_s = time.monotonic() + 60
    while not (found := answer()):
        assert time.monotonic() < end_s, "nothing came"
        time.sleep(0.01)
    return found


def collected(monitor, count):
    """Wait for that many reports."""
    arrived = []
    return until(lambda: arrived.extend(monitor.take()) or (arrived if len(arrived) >= count else None))


def started(directory, body, *more, patience=PATIENT, **options):
    """Start a command whose body that is."""
    return closing(Command([str(write_command(directory, body)), *more], patience=patience, **options))


def starts(directory):
    """Return the process ids under which the command ran, in order."""
    file = directory / "starts"
    return [int(pid) for pid in file.read_text().split()] if file.exists() else []


def runs(pid):
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


@pytest.fixture
def pipe():
    reading, writing = os.pipe()
    with open(writing, "wb", buffering=0) as end:  # noqa: PTH123  a descriptor has no path
        yield Pipe(reading, patience=PATIENT), end


def test_a_report_is_dated_when_it_arrives(tmp_path):
    """Nothing in it says when it was made."""
    times = iter([100.5, 101.5])
    with started(tmp_path, f"say({LINE!r}); say({LINE!r}); time.sleep(60)", now=lambda: next(times)) as monitor:
        arrived = collected(monitor, 2)

    assert [one.ts_ms for one in arrived] == [100_500, 101_500]
    assert arrived[0].report.devices[0].utilization == 0.25


def test_it_is_asked_for_a_report_a_second(tmp_path):
    """In whole seconds, for "1.0s" would be ignored, and be 5; and for no more than samples are made of."""
    body = """
    say(json.dumps({"period": period_s}) + "\\n")
    time.sleep(60)
    """
    with started(tmp_path, body) as monitor:
        until(monitor.trouble)  # that line is no report, so it has run
        config = json.loads((tmp_path / "config.json").read_text())

    assert config == {
        "period": "1s",
        "neuron_runtimes": [
            {"tag_filter": ".*", "metrics": [{"type": "neuroncore_counters"}, {"type": "memory_used"}]}
        ],
        "system_metrics": [{"type": "memory_info"}],
    }


def test_the_operators_configuration_is_left_alone(tmp_path):
    """Ours is not added to a command that names one."""
    theirs = tmp_path / "theirs.json"
    theirs.write_text('{"period": "7s"}')
    with started(tmp_path, f"say({LINE!r}); time.sleep(60)", "-c", str(theirs)) as monitor:
        until(monitor.take)

    assert (tmp_path / "config.json").read_text() == '{"period": "7s"}'


def test_close_ends_it_and_leaves_nothing(tmp_path):
    """No process, no zombie, no temporary file."""
    with started(tmp_path, f"say({LINE!r}); time.sleep(60)") as monitor:
        until(monitor.take)
        config = Path(psutil.Process(starts(tmp_path)[0]).cmdline()[-1])
        assert config.exists()

    until(lambda: not psutil.pid_exists(starts(tmp_path)[0]))
    assert not config.parent.exists()
    monitor.close()  # once more is no error


def test_one_that_ignores_sigterm_is_killed(tmp_path):
    """And whatever it started goes with it."""
    body = f"""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = os.fork()
    if child == 0:
        time.sleep(60)
    (here / "child").write_text(str(child))
    say({LINE!r})
    time.sleep(60)
    """
    with started(tmp_path, body, patience=QUICK) as monitor:
        until(monitor.take)
        child = int((tmp_path / "child").read_text())
        assert runs(child)

    until(lambda: not psutil.pid_exists(starts(tmp_path)[0]))
    until(lambda: not runs(child))


def test_it_dies_with_us(tmp_path):
    """Even when we are killed and cannot close anything."""
    command = write_command(tmp_path, f"say({LINE!r}); time.sleep(60)")
    script = f"""
import time
from producers.neuron.monitor import Command
monitor = Command([{str(command)!r}])
monitor.news.wait(60)
print("heard", flush=True)
time.sleep(60)
"""
    environment = {**os.environ, "TMPDIR": str(tmp_path)}  # who is killed leaves its configuration behind
    ours = subprocess.Popen([sys.executable, "-c", script], cwd=PROJECT, env=environment, stdout=subprocess.PIPE)
    try:
        assert ours.stdout.readline() == b"heard\n"
        theirs = starts(tmp_path)[0]
        assert runs(theirs)
    finally:
        ours.kill()
        ours.wait()
        ours.stdout.close()

    until(lambda: not runs(theirs))


def test_one_that_dies_is_started_again(tmp_path):
    """Its last words are told meanwhile, in one line that stays the same; and nothing once reports come again."""
    body = f"""
    if (here / "well").exists():
        say({LINE!r})
        time.sleep(60)
    print("no devices\\ncannot open /dev/neuron0", file=sys.stderr)
    sys.exit(3)
    """
    with started(tmp_path, body) as monitor:
        said = set()
        until(lambda: said.add(monitor.trouble()) or len(starts(tmp_path)) >= 4)
        (tmp_path / "well").touch()
        until(monitor.take)

        assert monitor.trouble() is None
    (said_so,) = said - {None}
    assert said_so == (
        f"{tmp_path}/neuron-monitor exited with status 3 (cannot open /dev/neuron0); utilization is unknown until it"
        " is restarted"
    )


def test_waits_between_starts_grow(tmp_path):
    """Not without end; and after it has printed a report, they begin anew."""
    body = """
    (here / "times").open("a").write(f"{time.time()}\\n")
    """
    with started(tmp_path, body) as monitor:
        until(lambda: len(starts(tmp_path)) >= 5)
        monitor.close()
        times = [float(text) for text in (tmp_path / "times").read_text().split()]
    gaps = [after - before for before, after in itertools.pairwise(times)]

    assert all(gap >= least for gap, least in zip(gaps, [0.05, 0.1, 0.2, 0.2], strict=False))


def test_a_signal_is_named(tmp_path):
    with started(tmp_path, "os.kill(os.getpid(), signal.SIGSEGV)") as monitor:
        assert "was ended by signal 11" in until(monitor.trouble)


def test_a_command_that_cannot_run_says_why(tmp_path):
    command = tmp_path / "neuron-monitor"
    command.write_bytes(b"\x7fELF of another machine")
    command.chmod(0o755)
    with closing(Command([str(command)], patience=PATIENT)) as monitor:
        assert f"(cannot run {command}: Exec format error)" in until(monitor.trouble)


def test_a_command_that_is_gone_says_how_to_get_it(tmp_path):
    with closing(Command([str(tmp_path / "gone")], patience=PATIENT)) as monitor:
        said = until(monitor.trouble)

    assert said.startswith(f"{tmp_path}/gone is missing now; it comes with the package aws-neuronx-tools")


def test_one_that_hangs_is_told_and_killed(tmp_path):
    """Nobody waits for it: silence is said, and after a while it is started anew."""
    often = line(runtime({0: 50.0}, period=0.01))
    with started(tmp_path, f"say({often!r}); time.sleep(600)", patience=QUICK) as monitor:
        until(monitor.take)
        said = until(monitor.trouble)
        killed, *_ = starts(tmp_path)
        until(lambda: monitor.trouble() and not psutil.pid_exists(killed))
        until(monitor.take)  # of the next one, which has its time to start: nobody looks for trouble meanwhile
    assert said == f"{tmp_path}/neuron-monitor runs but prints no reports; utilization is unknown until it does"


def test_one_of_the_operators_configuration_is_not_killed(tmp_path):
    """Its period is the operator's, and may be long."""
    theirs = tmp_path / "theirs.json"
    theirs.write_text("{}")
    with started(tmp_path, "time.sleep(600)", "-c", str(theirs), patience=QUICK) as monitor:
        until(lambda: starts(tmp_path))
        until(monitor.trouble)
        end_s = time.monotonic() + QUICK.hopeless_s
        until(lambda: monitor.trouble() and time.monotonic() > end_s)

        assert len(starts(tmp_path)) == 1
        assert runs(starts(tmp_path)[0])


def test_halves_of_lines_are_put_together(pipe):
    """However they arrive, and with other lines in between."""
    monitor, end = pipe
    for at in range(0, len(LINE), 100):
        end.write(LINE[at : at + 100])
        time.sleep(0.001)
    end.write(b"\n\n" + LINE + LINE[:10])

    assert len(collected(monitor, 2)) == 2
    assert monitor.trouble() is None


def test_a_line_that_is_no_report_is_told_once(pipe):
    """And costs none of the others."""
    monitor, end = pipe
    end.write(LINE + b"panic: nil map\n" + LINE)
    collected(monitor, 2)

    assert monitor.trouble() == "standard input printed a line that is not a report: no JSON"
    assert monitor.trouble() is None


def test_a_line_without_end_is_given_up(pipe):
    """Before it has filled the memory."""
    monitor, end = pipe
    chunk = b"x" * 2**20
    for _ in range(3):
        end.write(chunk)
    end.write(b"\n" + LINE)
    collected(monitor, 1)

    assert monitor.trouble() == "standard input printed a line that is not a report: it is too long"


@pytest.mark.parametrize(
    "printing",
    [
        "os.write(1, b'x' * 65536)",
        "os.write(1, b'x\\n' * 2**15)",
        "os.write(1, LINE * 20)",
        "os.write(2, b'x' * 65536)",
    ],
    ids=["no-end-of-line", "short-lines", "reports", "errors"],
)
def test_a_monitor_that_prints_without_end_takes_no_core(tmp_path, printing):
    """It waits in its pipe, the operator is told, and it can be closed at once."""
    body = f"LINE = {LINE!r}\nwhile True:\n    {printing}\n"
    with started(tmp_path, body) as monitor:
        if "(2," not in printing:
            until(lambda: "prints too much; at most" in (monitor.trouble() or ""))
        else:
            until(lambda: starts(tmp_path))
            time.sleep(0.3)
        used, since = time.process_time(), time.monotonic()
        time.sleep(1)
        used, passed = time.process_time() - used, time.monotonic() - since
        began = time.monotonic()

    assert used < 0.6 * passed  # without its bound it took 0.82 to 0.99 of a core
    assert time.monotonic() - began < PATIENT.end_s / 2
    assert not runs(starts(tmp_path)[0])


def test_a_pipe_that_ends_is_told(pipe):
    """A last report without an end of line counts; half of one does not."""
    monitor, end = pipe
    end.write(LINE + LINE.rstrip())
    end.close()
    until(lambda: monitor.ended)

    assert len(monitor.take()) == 2
    assert monitor.trouble() == "standard input has ended; utilization is unknown from now on"


def test_half_a_report_at_the_end_is_nothing(pipe):
    monitor, end = pipe
    end.write(LINE[:-20])
    end.close()
    until(lambda: monitor.ended)

    assert monitor.take() == []


def test_a_descriptor_that_cannot_be_read_is_told(tmp_path):
    descriptor = os.open(tmp_path, os.O_RDONLY)
    monitor = Pipe(descriptor)
    until(lambda: monitor.ended)
    os.close(descriptor)

    assert "standard input cannot be read: Is a directory" in monitor.trouble()


def test_reports_that_nobody_takes_do_not_pile_up(pipe):
    """The newest of an hour are kept."""
    monitor, end = pipe
    for _ in range(40):
        end.write(line() * 100)
    end.close()
    until(lambda: monitor.ended)

    assert len(monitor.take()) == 3600


def test_no_thread_is_left(tmp_path):
    before = threading.active_count()
    with started(tmp_path, f"say({LINE!r}); time.sleep(60)") as monitor:
        until(monitor.take)

    until(lambda: threading.active_count() <= before)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
