"""Run the parts of the stack as child processes: in order, restarted when they crash, gone when we are.

The order is the caller's: `start` returns when the child is ready, so what comes after may rely on it.

    async with Supervisor(state / "logs", on_event=show) as supervisor:
        await supervisor.start(Child("broker", broker.argv, is_ready=broker.is_ready))
        await supervisor.start(Child("worker", ...))
        await supervisor.run()  # until cancelled, or until a child is given up
"""

import asyncio
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Self

from local.childlog import ChildLog
from local.room import had_no_room
from producers.child import dying_with_us
from schema.disk import FULL
from schema.errors import EXIT_NOT_AGAIN, GigawattError

ASK_EVERY_S = 0.05
BOUND_LOGS_EVERY_S = 10.0
TAIL_LINES = 10


@dataclass(frozen=True)
class Child:
    """One process to run.

    `is_ready` is called in a thread, may block for a few seconds, must not raise; without it, what runs is ready.
    `env` None is our own. `stop_within_s` is the time from SIGTERM to SIGKILL. What others need `stops_last`, whenever
    it was started. `passes` are our file descriptors that it has, too, under the same numbers. With the exit code
    `starts_again_on` it ends itself to be started again: once it was ready, that is no crash, however often. With
    `EXIT_NOT_AGAIN` it is given up at once, in its own last words.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] | None = None
    is_ready: Callable[[], bool] | None = None
    ready_within_s: float = 60.0
    stop_within_s: float = 10.0
    stops_last: bool = False
    passes: tuple[int, ...] = ()
    starts_again_on: int | None = None


@dataclass(frozen=True)
class Patience:
    """How often a child may crash: the `crashes`-th one within `window_s` ends everything.

    It is started again after `backoff_s`, twice that the next time, and so on up to `backoff_max_s`.
    """

    crashes: int = 5
    window_s: float = 60.0
    backoff_s: float = 0.5
    backoff_max_s: float = 10.0

    def backoff(self, crashes: int) -> float:
        """Seconds to wait after so many recent crashes, at least one."""
        return min(self.backoff_s * 2.0 ** (crashes - 1), self.backoff_max_s)


class Happened(StrEnum):
    """What can happen to a child."""

    STARTED = "started"
    READY = "ready"
    CRASHED = "crashed"
    ENDED_ITSELF = "exited by itself"
    RESTARTED = "restarted"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Event:
    """What happened to a child, and when by the supervisor's clock; `line` says it to the operator."""

    happened: Happened
    child: str
    at_s: float
    line: str
    pid: int


class GivenUpError(GigawattError):
    """A child cannot be kept running; `tail` holds the last lines of its log."""

    def __init__(self, message: str, tail: list[str]) -> None:
        super().__init__(message)
        self.tail = tail


@dataclass
class _Run:
    """A child under supervision; `stop` asks for its end."""

    child: Child
    log: ChildLog
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    crashed_at_s: deque[float] = field(default_factory=deque)
    ended_itself_at_s: deque[float] = field(default_factory=deque)
    keeper: asyncio.Task[None] | None = None


class Supervisor:
    """Keeps children running until its `async with` block ends, then stops them, the last one first.

    `on_event` is called in the event loop. Enter it in the main thread: Linux ends a child with the *thread*
    that started it.
    """

    def __init__(
        self,
        logs: Path,
        *,
        on_event: Callable[[Event], None] = lambda _event: None,
        patience: Patience = Patience(),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._logs = logs
        self._on_event = on_event
        self._patience = patience
        self._clock = clock
        self._runs: list[_Run] = []
        self._log_keeper: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._log_keeper = asyncio.create_task(self._keep_logs_bounded())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        runs = list(reversed(self._runs))
        runs.sort(key=lambda run: run.child.stops_last)
        for run in runs:
            run.stop.set()
            if run.keeper:
                await asyncio.wait([run.keeper])
        if self._log_keeper:
            self._log_keeper.cancel()
        for failure in [run.keeper.exception() for run in self._runs if run.keeper]:
            if failure and not error:
                raise failure

    async def start(self, child: Child) -> None:
        """Return when `child` is ready; GivenUpError when it, or one before it, cannot be kept."""
        run = _Run(child, ChildLog(self._logs / f"{child.name}.log"))
        run.log.begin()
        run.keeper = asyncio.create_task(self._keep(run))
        self._runs.append(run)
        ready = asyncio.create_task(run.ready.wait())
        try:
            await self._first_of(ready)
        finally:
            ready.cancel()

    async def run(self) -> None:
        """Return never; GivenUpError when a child cannot be kept."""
        await self._first_of()

    async def _first_of(self, *others: asyncio.Task[bool]) -> None:
        """Wait for one of `others`, or for a keeper to fail, which raises what it failed with."""
        keepers = [run.keeper for run in self._runs if run.keeper]
        done, _ = await asyncio.wait([*others, *keepers], return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    async def _keep(self, run: _Run) -> None:
        """Run one child, again after each crash, until it is to stop or is given up."""
        stop = asyncio.create_task(run.stop.wait())
        happened = Happened.STARTED
        try:
            while not run.stop.is_set():
                process = await self._spawn(run)
                self._tell(run, happened, process, f"{run.child.name} {happened}")
                was_ready = await self._live(run, process, stop)
                if run.stop.is_set():
                    self._tell(run, Happened.STOPPED, process, f"{run.child.name} stopped")
                    return
                on_purpose = was_ready and process.returncode == run.child.starts_again_on
                wait_s = (self._after_own_end if on_purpose else self._after_crash)(run, process)
                happened = Happened.RESTARTED
                with suppress(TimeoutError):
                    await asyncio.wait_for(run.stop.wait(), wait_s)
        finally:
            stop.cancel()

    async def _spawn(self, run: _Run) -> asyncio.subprocess.Process:
        """Start the child in a session of its own: a Ctrl-C is for us alone, who stop it in order."""
        output = run.log.open()
        try:
            return await asyncio.create_subprocess_exec(
                *dying_with_us(run.child.argv), env=run.child.env, start_new_session=True,
                pass_fds=run.child.passes, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output,
            )  # fmt: skip
        finally:
            os.close(output)

    async def _live(self, run: _Run, process: asyncio.subprocess.Process, stop: asyncio.Task[bool]) -> bool:
        """Return when the process has ended, by itself or because it was to stop: whether it was ready before."""
        begun_s = self._clock()
        ended = asyncio.create_task(process.wait())
        asked = asyncio.create_task(self._until_ready(run))
        try:
            await asyncio.wait(
                [ended, stop, asked], timeout=run.child.ready_within_s, return_when=asyncio.FIRST_COMPLETED
            )
            if not (ended.done() or stop.done()):
                if not asked.done():
                    raise self._given_up(run, f"is not ready after {run.child.ready_within_s:.0f} s")
                asked.result()
                line = f"ready after {self._clock() - begun_s:.1f} s" if run.child.is_ready else "runs"
                self._tell(run, Happened.READY, process, f"{run.child.name} {line}")
                run.ready.set()
                await asyncio.wait([ended, stop], return_when=asyncio.FIRST_COMPLETED)
                return True
            return False
        finally:
            asked.cancel()
            await self._end(run, process, ended)

    async def _until_ready(self, run: _Run) -> None:
        is_ready = run.child.is_ready
        while is_ready and not await asyncio.to_thread(is_ready):  # noqa: ASYNC110 - it is another process's state
            await asyncio.sleep(ASK_EVERY_S)

    async def _end(self, run: _Run, process: asyncio.subprocess.Process, ended: asyncio.Task[int]) -> None:
        """SIGTERM, then SIGKILL; whatever else is left of its process group goes too."""
        if not ended.done():
            with suppress(ProcessLookupError):  # it ended a moment ago
                process.terminate()
            await asyncio.wait([ended], timeout=run.child.stop_within_s)
        with suppress(ProcessLookupError, PermissionError):  # none left; macOS says the latter of zombies
            os.killpg(process.pid, signal.SIGKILL)
        await ended

    def _after_crash(self, run: _Run, process: asyncio.subprocess.Process) -> float:
        """Say how it crashed; the seconds to wait before the next start, or GivenUpError."""
        if process.returncode == EXIT_NOT_AGAIN:
            words = "".join(run.log.tail(1)) or "it cannot be started"
            raise GivenUpError(f"{words}; see {run.log.path}", run.log.tail(TAIL_LINES)[:-1])
        crashes = self._recent(run.crashed_at_s)
        how = ending(process.returncode or 0)
        killed = process.returncode == -signal.SIGKILL  # which leaves no last words
        last = "" if killed else "".join(f": {line}" for line in run.log.tail(1))
        if had_no_room(run.log.path, run.log.tail(TAIL_LINES)):
            last = f": {FULL} (the disk of {run.log.path.parent.parent})"
        self._tell(run, Happened.CRASHED, process, f"{run.child.name} {how}{last}")
        if crashes >= self._patience.crashes:
            within = f"within {self._patience.window_s:.0f} s"
            raise self._given_up(run, f"crashed {crashes} times {within}; it {how}{last}")
        return self._patience.backoff(crashes)

    def _after_own_end(self, run: _Run, process: asyncio.subprocess.Process) -> float:
        """Say that it ended itself, in its own last words; the seconds to wait before the next start."""
        wait_s = self._patience.backoff(self._recent(run.ended_itself_at_s))
        words = "".join(run.log.tail(1)) or f"{run.child.name} exits by itself"
        self._tell(run, Happened.ENDED_ITSELF, process, f"{words}; restarting in {wait_s:g} s")
        return wait_s

    def _recent(self, ends_s: deque[float]) -> int:
        """Note an end now, and count those of the last minute or so."""
        now_s = self._clock()
        ends_s.append(now_s)
        while ends_s[0] < now_s - self._patience.window_s:
            ends_s.popleft()
        return len(ends_s)

    def _given_up(self, run: _Run, why: str) -> GivenUpError:
        return GivenUpError(f"{run.child.name} {why}; see {run.log.path}", run.log.tail(TAIL_LINES))

    def _tell(self, run: _Run, happened: Happened, process: asyncio.subprocess.Process, line: str) -> None:
        self._on_event(Event(happened, run.child.name, self._clock(), line, process.pid))

    async def _keep_logs_bounded(self) -> None:
        while True:
            await asyncio.sleep(BOUND_LOGS_EVERY_S)
            for run in self._runs:
                with suppress(OSError):  # the disk is full: tried again a little later
                    run.log.keep_bounded()


def ending(code: int) -> str:
    """How a process ended: by an exit code, or by a signal, which asyncio gives as a negative code."""
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"exited with status {code}"
