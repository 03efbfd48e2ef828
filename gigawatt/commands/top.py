"""`gigawatt top`."""

import json
import threading
import time

import click
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from dashboards.live.reader import SummaryReader
from dashboards.live.terminal import one_line, show
from gigawatt import options
from gigawatt.looking import quiet_clients, stop_on_signals
from producers.flags import FiniteRange
from schema.clickhouse import connect
from schema.errors import GigawattError

_LINE_EVERY_S = 10.0


@click.command()
@options.clickhouse
@click.option("--once", is_flag=True, help="Print one table and end.")
@click.option("--json", "as_json", is_flag=True, help="Print one summary as JSON and end.")
@click.option("--every", "every_s", type=FiniteRange(min=0.2), default=1.0, show_default=True, help="Seconds.")
def command(*, clickhouse: str, once: bool, as_json: bool, every_s: float) -> None:
    """Show fleet power and utilization, live.

    Each line is the newest second that is complete. Where there is no terminal, a line is written every ten seconds.
    """
    quiet_clients()
    reader = SummaryReader(lambda: connect(clickhouse))
    console = Console()
    if as_json:
        click.echo(json.dumps(reader.read().as_json(), indent=2))
    elif once:
        width = console.width if console.is_terminal else 160
        Console(width=width).print(show(reader.read(), height=10_000, width=width))
    elif console.is_terminal:
        _live(reader, console, every_s, stop_on_signals())
    else:
        _lines(reader, max(every_s, _LINE_EVERY_S), stop_on_signals())


def _live(reader: SummaryReader, console: Console, every_s: float, stop: threading.Event) -> None:
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while not stop.is_set():
            size = console.size
            try:
                shown: RenderableType = show(reader.read(), height=size.height - 2, width=size.width)
            except GigawattError as error:
                shown = Text(f"waiting: {error}", style="red")
            live.update(Group(shown, Text("\nCtrl-C ends", style="dim")), refresh=True)
            stop.wait(every_s)


def _lines(reader: SummaryReader, every_s: float, stop: threading.Event) -> None:
    while not stop.is_set():
        now = time.strftime("%H:%M:%S")
        try:
            click.echo(f"{now} {one_line(reader.read())}")
        except GigawattError as error:
            click.echo(f"{now} waiting: {error}", err=True)
        stop.wait(every_s)
