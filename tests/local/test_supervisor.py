import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path

import psutil
import pytest

from local.supervisor import Child, Event, GivenUpError, Happened, Patience, Supervisor

AT_ONCE = Patience(backoff_s=0.01, backoff_max_s=0.01)
SLEEP = "import time; time.sleep(60)"


def python(name: str, code: str, *arguments: object, **options) -> Child:
    """Make a child that runs `code`."""
    argv = (sys.executable, "-I", "-S", "-c", textwrap.dedent(code), *map(str, arguments))
    return Child(name, argv, **options)


def says_ready(name: str, directory: Path, **options) -> Child:
    """Make a child that is ready once it has written a file, and then stays."""
    ready = directory / f"{name}.ready"
    code = f"import sys; open(sys.argv[1], 'w').close(); {SLEEP}"
    return python(name, code, ready, is_ready=ready.exists, **options)


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait until `condition` holds, for a minute at most."""
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


def happenings(events: list[Event]) -> list[tuple[str, str]]:
    """Give who did what, in order."""
    return [(event.child, str(event.happened)) for event in events]


def test_each_child_is_ready_before_the_next_starts_and_the_last_stops_first(tmp_path: Path):
    """Start order is the caller's, stop order its reverse."""
    events: list[Event] = []

    async def main() -> None:
        async with Supervisor(tmp_path, on_event=events.append) as supervisor:
            await supervisor.start(says_ready("broker", tmp_path))
            await supervisor.start(says_ready("worker", tmp_path))

    asyncio.run(main())

    assert happenings(events) == [
        ("broker", "started"),
        ("broker", "ready"),
        ("worker", "started"),
        ("worker", "ready"),
        ("worker", "stopped"),
        ("broker", "stopped"),
    ]
    assert "broker ready after " in events[1].line


def test_of_a_child_that_cannot_be_asked_it_is_only_said_that_it_runs(tmp_path: Path):
    events: list[Event] = []

    async def main() -> None:
        async with Supervisor(tmp_path, on_event=events.append) as supervisor:
            await supervisor.start(python("worker", SLEEP))

    asyncio.run(main())

    assert events[1].line == "worker runs"


def test_a_child_has_its_environment_and_its_log(tmp_path: Path):
    """What it prints is in its log file; the run before keeps one file beside it."""

    async def main(said: str) -> None:
        code = "import os, sys; print(os.environ['SAID']); sys.stdout.flush(); " + SLEEP
        log = tmp_path / "child.log"
        child = python("child", code, env={"SAID": said}, is_ready=lambda: said in log.read_text())
        async with Supervisor(tmp_path) as supervisor:
            await supervisor.start(child)

    asyncio.run(main("first"))
    asyncio.run(main("second"))

    assert (tmp_path / "child.log").read_text() == "second\n"
    assert (tmp_path / "child.log.1").read_text() == "first\n"


@pytest.mark.parametrize(
    ("last_act", "how"),
    [
        ("print('out of luck'); sys.exit(3)", "child exited with status 3: out of luck"),
        ("os.kill(os.getpid(), 9)", "child was killed by SIGKILL"),
        ("pass", "child exited with status 0"),
    ],
)
def test_a_crashed_child_is_restarted_and_said_so(tmp_path: Path, last_act: str, how: str):
    """One line names the child, how it ended and the last line of its log; then it runs again."""
    events: list[Event] = []
    code = f"""
        import os, sys, time
        if os.path.exists(sys.argv[1]):
            time.sleep(60)
        open(sys.argv[1], "w").close()
        {last_act}
    """

    async def main() -> None:
        async with Supervisor(tmp_path, on_event=events.append, patience=AT_ONCE) as supervisor:
            await supervisor.start(python("child", code, tmp_path / "ran", is_ready=lambda: len(events) > 2))

    asyncio.run(main())

    assert [str(event.happened) for event in events] == [
        "started", "crashed", "restarted", "ready", "stopped",
    ]  # fmt: skip
    assert events[1].line == how
    assert events[0].pid != events[2].pid


def test_a_child_that_crashes_again_and_again_ends_everything(tmp_path: Path):
    """The fifth crash within the window is the last; the error has one line and the tail of the log."""
    events: list[Event] = []

    async def main() -> None:
        async with Supervisor(tmp_path, on_event=events.append, patience=AT_ONCE) as supervisor:
            await supervisor.start(says_ready("broker", tmp_path))
            await supervisor.start(python("worker", "print('a\\nb'); raise SystemExit(7)"))
            await supervisor.run()

    with pytest.raises(GivenUpError) as caught:
        asyncio.run(main())

    said = "worker crashed 5 times within 60 s; it exited with status 7: b; see "
    assert str(caught.value) == f"{said}{tmp_path / 'worker.log'}"
    assert caught.value.tail == ["a", "b"] * 5
    assert sum(event.happened is Happened.CRASHED for event in events) == 5
    assert happenings(events)[-1] == ("broker", "stopped")


def test_crashes_that_lie_far_apart_are_forgiven(tmp_path: Path):
    """A child that runs an hour between its crashes is restarted for ever."""
    events: list[Event] = []
    hours = count(step=3600)

    async def main() -> None:
        supervisor = Supervisor(tmp_path, on_event=events.append, patience=AT_ONCE, clock=lambda: next(hours))
        async with supervisor:
            await supervisor.start(python("worker", "raise SystemExit(7)"))
            await eventually(lambda: sum(event.happened is Happened.CRASHED for event in events) > 6)

    asyncio.run(main())


def test_a_child_that_ends_itself_is_started_again_however_often(tmp_path: Path):
    """Each end is said in one line, with its own last words, and is no crash."""
    events: list[Event] = []
    code = f"""
        import sys, time
        with open(sys.argv[1], "a") as runs:
            runs.write("x")
        if len(open(sys.argv[1]).read()) > 8:
            {SLEEP}
        print("clickhouse exits: too much memory", flush=True)
        time.sleep(0.05)
        raise SystemExit(75)
    """
    runs = tmp_path / "runs"

    async def main() -> None:
        child = python("clickhouse", code, runs, starts_again_on=75)
        async with Supervisor(tmp_path, on_event=events.append, patience=AT_ONCE) as supervisor:
            await supervisor.start(child)
            await eventually(lambda: runs.exists() and len(runs.read_text()) > 8)

    asyncio.run(main())

    ends = [event.line for event in events if event.happened is Happened.ENDED_ITSELF]
    assert ends == ["clickhouse exits: too much memory; restarting in 0.01 s"] * 8
    assert Happened.CRASHED not in {event.happened for event in events}


def test_a_child_that_ends_itself_before_it_is_ready_has_crashed(tmp_path: Path):
    """Otherwise a start would wait for it for ever."""
    child = python("clickhouse", "raise SystemExit(75)", is_ready=lambda: False, starts_again_on=75)

    async def main() -> None:
        async with Supervisor(tmp_path, patience=AT_ONCE) as supervisor:
            await supervisor.start(child)

    with pytest.raises(GivenUpError, match="clickhouse crashed 5 times"):
        asyncio.run(main())


def test_the_wait_before_a_restart_doubles_up_to_a_limit():
    """Half a second, one, two, four, at most ten."""
    assert [Patience().backoff(crashes) for crashes in range(1, 8)] == [0.5, 1, 2, 4, 8, 10, 10]


def test_a_child_that_does_not_get_ready_ends_everything(tmp_path: Path):
    """The line says how long was waited."""
    events: list[Event] = []

    async def main() -> None:
        async with Supervisor(tmp_path, on_event=events.append) as supervisor:
            await supervisor.start(python("worker", SLEEP, is_ready=lambda: False, ready_within_s=0.2))

    with pytest.raises(GivenUpError, match="worker is not ready after 0 s; see "):
        asyncio.run(main())
    assert not psutil.pid_exists(events[0].pid)


def test_a_child_that_ignores_sigterm_is_killed_after_its_grace(tmp_path: Path):
    """SIGKILL follows SIGTERM."""
    events: list[Event] = []
    code = """
        import signal, sys, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        open(sys.argv[1], "w").close()
        time.sleep(60)
    """
    ready = tmp_path / "ready"

    async def main() -> None:
        async with Supervisor(tmp_path, on_event=events.append) as supervisor:
            await supervisor.start(python("child", code, ready, is_ready=ready.exists, stop_within_s=0.2))

    begun = time.monotonic()
    asyncio.run(main())

    assert time.monotonic() - begun > 0.2
    assert happenings(events)[-1] == ("child", "stopped")
    assert not psutil.pid_exists(events[0].pid)


def test_what_a_child_started_ends_with_it(tmp_path: Path):
    """Its whole process group goes, also when the child itself was killed; a wait for a restart is cut short."""
    written = tmp_path / "pid"
    code = f"""
        import subprocess, sys
        grandchild = subprocess.Popen([sys.executable, "-c", "{SLEEP}"])
        with open(sys.argv[1], "w") as file:
            file.write(str(grandchild.pid))
        grandchild.wait()
    """
    events: list[Event] = []

    async def main() -> None:
        patience = Patience(backoff_s=30, backoff_max_s=30)
        async with Supervisor(tmp_path, on_event=events.append, patience=patience) as supervisor:
            await supervisor.start(
                python("child", code, written, is_ready=lambda: written.exists() and written.stat().st_size)
            )
            os.kill(events[0].pid, signal.SIGKILL)
            await eventually(lambda: gone(int(written.read_text())))
            await eventually(lambda: events[-1].happened is Happened.CRASHED)

    asyncio.run(main())


def test_a_cancelled_start_still_stops_in_order(tmp_path: Path):
    """Ctrl-C while something starts stops it, and then what it relies on."""
    events: list[Event] = []

    async def main() -> None:
        async with Supervisor(tmp_path, on_event=events.append) as supervisor:
            await supervisor.start(says_ready("broker", tmp_path))
            async with asyncio.timeout(0.3):
                await supervisor.start(python("worker", SLEEP, is_ready=lambda: False))

    with suppress(TimeoutError):
        asyncio.run(main())

    assert happenings(events)[-2:] == [("worker", "stopped"), ("broker", "stopped")]


def gone(pid: int) -> bool:
    """Whether the process has ended; a zombie has, and waits for whoever adopted it."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


SUPERVISES_TWO = """
    import asyncio, sys
    from pathlib import Path
    from local.instance import only_one
    from local.supervisor import Child, Supervisor

    async def main(state):
        async with Supervisor(state, on_event=lambda event: print(event.pid, flush=True)) as supervisor:
            for name in ("broker", "worker"):
                await supervisor.start(Child(name, (sys.executable, "-c", "import time; time.sleep(60)")))
            print("running", flush=True)
            await supervisor.run()

    with only_one(Path(sys.argv[1])):
        asyncio.run(main(Path(sys.argv[1])))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with a killed parent")
def test_a_killed_supervisor_takes_its_children_with_it(tmp_path: Path):
    """After SIGKILL no child is left, and the state directory is free again."""
    command = [sys.executable, "-c", textwrap.dedent(SUPERVISES_TWO), str(tmp_path)]
    for _ in range(2):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            said = iter(process.stdout.readline, "running\n")
            pids = {int(line) for line in said}
            assert len(pids) == 2
            assert not any(gone(pid) for pid in pids)
            os.kill(process.pid, signal.SIGKILL)

        asyncio.run(eventually(lambda pids=pids: all(gone(pid) for pid in pids)))
