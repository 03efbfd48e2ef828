"""`gigawatt up`: the whole stack on one machine, from the first check to the last child's end."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path

import psutil

from dashboards.live.alerts import AlertReader, AlertWatch
from dashboards.live.by_method import MethodReader
from dashboards.live.console import Console
from dashboards.live.reader import SummaryReader
from dashboards.live.summary import Summary
from dashboards.metrics.figures import Figures
from dashboards.page import server as page
from dashboards.preview import Measured
from local import stack
from local.broker.progress import download_shown
from local.clickhouse.place import listening
from local.instance import only_one
from local.ports import require_free
from local.room import low, require_room
from local.screen import Screen
from local.supervisor import Event, GivenUpError, Happened, Supervisor
from schema import fleet
from schema.clickhouse import connect
from schema.disk import FULL, free_bytes, is_full
from schema.errors import GigawattError
from schema.kafka_settings import without_settings
from schema.passwords import FILE_VARIABLE, password_file, password_of, state_home
from schema.rights import READING
from schema.said import Reasons
from schema.served_tls import Served

UNTIL_LIVE_S = 0.5


def state_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """Where the stack keeps its data: `gigawatt` in the user's state home (XDG base directories)."""
    return state_home(environ) / "gigawatt"


def run(
    plan: stack.Plan,
    *,
    seconds: float | None = None,
    ready_file: Path | None = None,
    log: Callable[[str], object] | None = None,
) -> None:
    """Run the stack until SIGINT or SIGTERM, or for `seconds` from when it is ready; `log` takes lines from the screen.

    Raises `GigawattError` when it cannot go on.
    """
    screen = Screen(Console(stderr=True), log=log)
    os.umask(0o077)  # data, logs and the ready file are their owner's alone, as are those of every child
    _make_directories(plan, ready_file)
    little = require_room(plan.state)
    if plan.fleet_file:
        fleet.load(plan.fleet_file)  # report a mistake in it before anything is started
    served = plan.outside.served() if plan.outside else None  # and one in the certificate
    bypass_proxy(os.environ)
    for name in os.environ.keys() - without_settings(os.environ).keys():
        del os.environ[name]  # they are of a broker elsewhere: ours is in the clear
    if little:
        screen.say(little)
    try:
        abandoned = _run_alone(plan, screen, seconds, ready_file, served)
    except GivenUpError as error:
        for line in error.tail:
            screen.say(f"  | {line}")
        raise
    except OSError as error:
        if not str(error.filename or "").startswith(str(plan.state)):
            raise
        raise _unwritable(error, plan) from error
    if abandoned:  # a download cannot be interrupted: what it has of a file is thrown away by the next start
        sys.stderr.flush()
        os._exit(0)


def _make_directories(plan: stack.Plan, ready_file: Path | None) -> None:
    try:
        plan.state.mkdir(parents=True, exist_ok=True)
        if plan.state.stat().st_uid != os.geteuid():  # who could exchange what stands in it
            raise GigawattError(f"{plan.state} belongs to another user; choose another directory with --state")
        plan.state.chmod(0o700)
        plan.clickhouse_directory.mkdir(exist_ok=True)
        if ready_file:
            ready_file.unlink(missing_ok=True)  # of an earlier run
    except OSError as error:
        raise _unwritable(error, plan) from error


def _run_alone(
    plan: stack.Plan, screen: Screen, seconds: float | None, ready_file: Path | None, served: Served | None
) -> bool:
    """Run the stack as the only one on its state; True when a download was left behind."""
    with only_one(plan.state):
        require_ports(plan)
        password_of(plan.clickhouse_directory)
        os.environ[FILE_VARIABLE] = str(password_file(plan.clickhouse_directory))
        with (
            listening(stack.HOST, plan.clickhouse_port) as listener,
            listening(plan.outside.address, plan.clickhouse_port) if plan.outside else nullcontext() as outside,
        ):
            run = _Run(plan, screen, (listener, outside), ready_file, served)
            return asyncio.run(_until_stopped(run, seconds))


def _unwritable(error: OSError, plan: stack.Plan) -> GigawattError:
    """Say what cannot be written: of the state, another directory can be named."""
    reason = FULL if is_full(str(error)) else error.strerror
    ours = str(error.filename or "").startswith(str(plan.state))
    return GigawattError(
        f"cannot write to {error.filename}: {reason}{'; or choose another directory with --state' if ours else ''}"
    )


def bypass_proxy(environ: MutableMapping[str, str]) -> None:
    """Have clients, ours and the children's, reach loopback directly where a proxy is set for the rest."""
    given = [host.strip() for name in ("no_proxy", "NO_PROXY") for host in environ.get(name, "").split(",")]
    if "*" not in given:
        hosts = dict.fromkeys([*filter(None, given), stack.HOST, "localhost"])
        environ["no_proxy"] = environ["NO_PROXY"] = ",".join(hosts)


def require_ports(plan: stack.Plan) -> None:
    """Raise `GigawattError` when the ports are not three or one of them is taken."""
    ports = {
        "--kafka-port": plan.kafka_port, "--clickhouse-port": plan.clickhouse_port, "--page-port": plan.page_port,
    }  # fmt: skip
    if len(set(ports.values())) < len(ports):
        raise GigawattError(f"{', '.join(ports)} must be three different ports")
    for flag, port in ports.items():
        require_free(port, flag=flag, host=stack.HOST)
        if plan.outside and flag != "--kafka-port":
            require_free(port, flag=flag, host=plan.outside.address)


async def _until_stopped(run: "_Run", seconds: float | None) -> bool:
    """Return when the stack was asked to stop and has; True when a download was left behind."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    running = asyncio.create_task(run.run(seconds))
    asked = asyncio.create_task(stop.wait())
    await asyncio.wait([running, asked], return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    if not running.done():
        run.screen.say("stopping")
        running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    run.screen.say("stopped")
    return run.starting


class _Run:
    """One run of the stack and what is told of it."""

    def __init__(
        self,
        plan: stack.Plan,
        screen: Screen,
        listeners: stack.Listeners,
        ready_file: Path | None,
        served: Served | None,
    ) -> None:
        self.screen = screen
        self.starting = True
        self._plan = plan
        self._listeners = listeners
        self._served = served
        self._ready_file = ready_file
        self._began = psutil.Process().create_time()
        self._crashes = 0
        self._little = Reasons()
        self._reader = SummaryReader(lambda: connect(plan.clickhouse_to_read(), timeout_s=10))
        self._alerts = AlertReader(lambda: connect(plan.clickhouse_to_read(), timeout_s=10))
        by_method = MethodReader(lambda: connect(plan.clickhouse_to_read(), timeout_s=10))
        self._figures = Figures(self._reader.read, by_method.read, self._measured)
        # One that must hold for minutes has done so when the page is opened.
        self._watch = AlertWatch(self._alerts.read, seldom=None if screen.draws else self._alerts.seldom)

    async def run(self, seconds: float | None) -> None:
        """Start all, then show what there is; raises what ends it."""
        plan = self._plan
        self.screen.say(f"starting broker and ClickHouse; data in {plan.state}")
        async with Supervisor(plan.state / "logs", on_event=self._tell) as supervisor:
            with download_shown(self.screen.console) as downloaded:
                chips = await stack.start(
                    plan, supervisor, listeners=self._listeners, said=self.screen.say,
                    downloaded=downloaded,
                )  # fmt: skip
            self.starting = False
            async with page.serving(
                self._reader.read,
                plan.clickhouse_to_read(),
                stack.HOST,
                plan.page_port,
                alerts=self._watch.told,
                figures=self._figures,
                outside=self._page_outside(),
            ):
                self._ready(chips)
                with self._watch, self.screen.live(), suppress(TimeoutError):
                    async with asyncio.timeout(seconds):
                        await self._show(supervisor, waiting=chips > 0)

    def _measured(self) -> Sequence[Measured]:
        self._watch.looked()
        return self._alerts.measured()

    def _page_outside(self) -> page.Outside | None:
        """Return how the page is served to other machines. It asks for what Grafana asks with, which only reads."""
        plan = self._plan
        if plan.outside is None or self._served is None:
            return None
        return page.Outside(
            plan.outside.address, self._served, READING.user, password_of(plan.clickhouse_directory, READING.user)
        )

    async def _show(self, supervisor: Supervisor, *, waiting: bool) -> None:
        """Show the summary until a child cannot be kept, which raises."""
        tasks = [asyncio.create_task(endless) for endless in (supervisor.run(), self._look(waiting=waiting))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            for task in tasks:
                task.cancel()

    async def _look(self, *, waiting: bool) -> None:
        """Show the summary for ever, and say when what is `waiting` to be seen is live."""
        said, trouble = Reasons(), False
        while True:
            self._look_at_disk()
            try:
                summary = await stack.in_thread(self._reader.read)
            except GigawattError as error:
                trouble = True
                if said.is_new(str(error)):
                    self.screen.say(f"waiting: {error}")
            else:
                trouble = False
                if said.clear():
                    self.screen.say("no longer waiting: ClickHouse answers")
                if waiting and is_live(summary, self._began):
                    waiting = False
                    self.screen.say(f"live after {self._age_s():.1f} s")
                self.screen.show(summary, self._watch.newest, self._footer())
            await asyncio.sleep(UNTIL_LIVE_S if waiting or trouble else self.screen.look_every_s)

    def _look_at_disk(self) -> None:
        """Say once that the disk is low, and once that it is full, until it no longer is."""
        line = low(free_bytes(self._plan.state), self._plan.state)
        if not line:
            self._little.clear()
        elif self._little.is_new(line.partition(":")[0]):
            self.screen.say(line)

    def _ready(self, chips: int) -> None:
        plan = self._plan
        addresses = {"kafka": plan.kafka, "clickhouse": plan.clickhouse, "page": plan.page}
        if plan.outside:
            addresses["outside_clickhouse"] = plan.outside.url(plan.clickhouse_port)
            addresses["outside_page"] = plan.outside.url(plan.page_port)
        if self._ready_file:
            write_whole(self._ready_file, json.dumps(addresses) + "\n")
        with_what = f"a simulated fleet of {chips:,} chips" if chips else "no simulated fleet"
        self.screen.say(f"ready after {self._age_s():.1f} s, with {with_what}")
        self.screen.say(f"page {plan.page}  kafka {plan.kafka}  clickhouse {plan.clickhouse}")
        if plan.outside:
            password = password_file(plan.clickhouse_directory, READING.user)
            self.screen.say(
                f"for other machines: page {addresses['outside_page']}  clickhouse {addresses['outside_clickhouse']}  "
                f"user {READING.user}, password in {password}; Kafka stays on loopback"
            )

    def _age_s(self) -> float:
        return time.time() - self._began

    def _footer(self) -> str:
        crashes = f"  {self._crashes} crashes" if self._crashes else ""
        return f"page {self._plan.page}  logs {self._plan.state / 'logs'}{crashes}  Ctrl-C stops"

    def _tell(self, event: Event) -> None:
        self._crashes += event.happened is Happened.CRASHED
        if event.happened is not Happened.STARTED:
            self.screen.say(event.line)


def is_live(summary: Summary, since: float) -> bool:
    """Whether power of after `since` (epoch seconds) is known."""
    return any(line.second is not None and line.second.time >= since for line in summary.lines)


def write_whole(path: Path, text: str) -> None:
    """Write a file that others wait for: they see all of it or none."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
