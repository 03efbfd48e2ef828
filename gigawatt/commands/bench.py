"""`gigawatt bench`."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click
from rich.table import Table

from bench.attacks.measure import attack_table, measure_attacks
from bench.attacks.running import ATTACKS
from bench.host import host_table, measure_host
from bench.measure import Load, Result, measure, table
from bench.panels import measure_panels, panel_table
from bench.seed import Day
from dashboards.live.console import Console
from local.parts import require_parts
from producers.flags import FiniteRange
from schema.errors import GigawattError
from schema.terminal import say


@click.command()
@click.option("--chips", default="1000,10000,100000,1000000", show_default=True, help="Fleet sizes, one run each.")
@click.option("--batch", default=4096, show_default=True, type=click.IntRange(1), help="Samples per message.")
@click.option("--seconds", type=FiniteRange(1), help="Measured time of each run.  [default: 30, of an attack 60]")
@click.option("--warm-up", default=12.0, show_default=True, help="Seconds before measuring begins.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 12), help="Worker processes.")
@click.option(
    "--json", "json_path", type=click.Path(path_type=Path, dir_okay=False), help="Write the figures here, too."
)
@click.option(
    "--produce",
    metavar="ARGUMENTS",
    help="Measure instead what `gigawatt produce ARGUMENTS` costs this host, as in --produce 'nvml'.",
)
@click.option(
    "--panels",
    is_flag=True,
    help="Measure instead how long each query of the dashboards and rules takes over a day of the largest fleet.",
)
@click.option(
    "--attacks",
    metavar="[NAMES]",
    is_flag=False,
    flag_value=",".join(ATTACKS),
    help=f"Measure instead what attacks do to freshness and memory: all of them, or some of {', '.join(ATTACKS)}.",
)
def command(
    *,
    chips: str,
    batch: int,
    seconds: float | None,
    warm_up: float,
    workers: int,
    json_path: Path | None,
    produce: str | None,
    panels: bool,
    attacks: str | None,
) -> None:
    """Measure cost, freshness and size on this machine, each run with a stack and a simulated fleet of its own.

    Every chip is sampled every second. Costs are CPU time of the processes, merges included; freshness is from a
    sample's end until it is visible; bytes are as compressed on the wire and as stored raw.
    """
    _require_writable(json_path)
    if produce is None:
        require_parts()
    if attacks is not None:
        _attack(attacks, seconds or 60.0, json_path)
        return
    seconds = seconds or 30.0
    if produce is not None:
        host = measure_host(produce, seconds, warm_up, _say)
        _write(json_path, host.as_json())
        _show(host_table(host))
        return
    if panels:
        times = measure_panels(Day(chips=max(_sizes(chips))), _say)
        _write(json_path, [one.as_json() for one in times])
        _show(panel_table(times))
        return
    results: list[Result] = []
    for size in _sizes(chips):
        load = Load(size, batch, seconds, warm_up, workers)
        results.append(measure(load, _say))
        _write(json_path, [result.as_json() for result in results])
    _show(table(results))


def _attack(names: str, seconds: float, json_path: Path | None) -> None:
    """Run attacks; the exit status is 1 when a bound does not hold."""
    unknown = [name for name in names.split(",") if name not in ATTACKS]
    if unknown:
        raise click.BadParameter(f"there is no attack {unknown[0]!r}", param_hint="--attacks")
    chosen = [ATTACKS[name] for name in names.split(",")]
    results = measure_attacks(
        chosen, seconds, _say, lambda done: _write(json_path, [result.as_json() for result in done])
    )
    _show(attack_table(results))
    if any(result.broken for result in results):
        sys.exit(1)


_FILE_WIDTH: Final = 160
"""A file is as wide as it needs to be; a terminal knows its width."""


def _say(line: str) -> None:
    say(line, err=True)


def _require_writable(path: Path | None) -> None:
    """Raise `GigawattError` now, and not when all is measured, for a file that cannot be written."""
    if path is not None:
        try:
            path.open("a").close()
        except OSError as error:
            raise GigawattError(f"cannot write {path} ({error.strerror}): name another with --json") from error


def _write(path: Path | None, figures: Any) -> None:
    if path is not None:
        path.write_text(json.dumps(figures, indent=2) + "\n")


def _sizes(text: str) -> list[int]:
    try:
        return [int(part.replace("_", "")) for part in text.split(",")]
    except ValueError:
        raise click.BadParameter(f"{text!r}: write sizes as 1000,1000000", param_hint="--chips") from None


def _show(figures: Sequence[Sequence[str]]) -> None:
    head, *rows = figures
    shown = Table(box=None)
    shown.add_column(head[0])
    for name in head[1:]:
        shown.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        shown.add_row(*row)
    Console(width=None if sys.stdout.isatty() else _FILE_WIDTH).print(shown)
