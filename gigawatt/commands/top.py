"""`gigawatt top`."""

import json
import threading
import time

import click
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from dashboards.live.alert_lines import alert_lines, alert_words
from dashboards.live.alerts import AlertReader, AlertWatch
from dashboards.live.console import Console
from dashboards.live.reader import SummaryReader
from dashboards.live.terminal import one_line, show
from dashboards.preview import worst_as_json
from gigawatt import options
from gigawatt.looking import quiet_clients
from gigawatt.stopping import stop_on_signals
from producers.flags import FiniteRange
from schema.clickhouse import connect
from schema.errors import GigawattError
from schema.terminal import say, say_lines

_LINE_EVERY_S = 10.0
_RULES_WITHIN_S = 10.0
_AROUND_LINES = 3


@click.command()
@options.clickhouse
@click.option("--once", is_flag=True, help="Print one table and exit.")
@click.option("--json", "as_json", is_flag=True, help="Print one summary as JSON and exit.")
@click.option(
    "--every", "every_s", type=FiniteRange(min=0.2), default=1.0, show_default=True, help="Seconds between updates."
)
def command(*, clickhouse: str, once: bool, as_json: bool, every_s: float) -> None:
    """Show live fleet power, utilization and firing alert rules.

    Each line shows the newest complete second of a fleet. Without a terminal, one line is printed every ten seconds.
    Rules are pending until their `for` time has passed: --once and --json never show such rules as firing.
    """
    quiet_clients()
    reader = SummaryReader(lambda: connect(clickhouse))
    alerts = AlertReader(lambda: connect(clickhouse, timeout_s=_RULES_WITHIN_S))
    console = Console()
    if as_json:
        say_lines(json.dumps(reader.read().as_json() | worst_as_json(alerts.read()), indent=2))
    elif once:
        width = console.width if console.is_terminal else 160
        summary = show(reader.read(), height=10_000, width=width)
        Console(width=width).print(Group(summary, Text(), *alert_lines(alerts.read())))
    else:
        stop = stop_on_signals()
        with AlertWatch(alerts.read) as watch:
            if console.is_terminal:
                _live(reader, watch, console, every_s, stop)
            else:
                _lines(reader, watch, max(every_s, _LINE_EVERY_S), stop)


def _now_ms() -> int:
    return int(time.time() * 1000)


def _live(reader: SummaryReader, watch: AlertWatch, console: Console, every_s: float, stop: threading.Event) -> None:
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while not stop.is_set():
            size = console.size
            try:
                alerts = alert_lines(watch.newest, _now_ms())
                height = size.height - len(alerts) - _AROUND_LINES
                shown: RenderableType = Group(show(reader.read(), height=height, width=size.width), Text(), *alerts)
            except GigawattError as error:
                shown = Text(f"waiting: {error}", style="red")
            live.update(Group(shown, Text("\nCtrl-C to exit", style="dim")), refresh=True)
            stop.wait(every_s)


def _lines(reader: SummaryReader, watch: AlertWatch, every_s: float, stop: threading.Event) -> None:
    while not stop.is_set():
        now = time.strftime("%H:%M:%S")
        try:
            say(f"{now} {one_line(reader.read())}; {alert_words(watch.newest)}")
        except GigawattError as error:
            say(f"{now} waiting: {error}", err=True)
        stop.wait(every_s)
