"""`gigawatt bench`."""

import json
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from bench.measure import Load, Result, measure, table


@click.command()
@click.option("--chips", default="1000,10000,100000,1000000", show_default=True, help="Fleet sizes, one run each.")
@click.option("--batch", default=4096, show_default=True, type=click.IntRange(1), help="Samples per message.")
@click.option("--seconds", default=30.0, show_default=True, type=click.FloatRange(1), help="Measured time of each run.")
@click.option("--warm-up", default=12.0, show_default=True, help="Seconds before measuring begins.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 12), help="Worker processes.")
@click.option(
    "--json", "json_path", type=click.Path(path_type=Path, dir_okay=False), help="Write the figures here, too."
)
def command(*, chips: str, batch: int, seconds: float, warm_up: float, workers: int, json_path: Path | None) -> None:
    """Measure cost, freshness and size on this machine, each run with a stack and a simulated fleet of its own.

    Every chip is sampled every second. Costs are CPU time of the processes, merges included; freshness is from a
    sample's end until it is visible; bytes are as compressed on the wire and as stored raw.
    """
    results: list[Result] = []
    for size in _sizes(chips):
        load = Load(size, batch, seconds, warm_up, workers)
        results.append(measure(load, lambda line: click.echo(line, err=True)))
        if json_path is not None:
            json_path.write_text(json.dumps([result.as_json() for result in results], indent=2) + "\n")
    _show(results)


def _sizes(text: str) -> list[int]:
    try:
        return [int(part.replace("_", "")) for part in text.split(",")]
    except ValueError:
        raise click.BadParameter(f"{text!r}: write sizes as 1000,1000000", param_hint="--chips") from None


def _show(results: list[Result]) -> None:
    head, *rows = table(results)
    shown = Table(box=None)
    shown.add_column(head[0])
    for name in head[1:]:
        shown.add_column(name, justify="right")
    for row in rows:
        shown.add_row(*row)
    Console().print(shown)
