"""`gigawatt bench`, and `gigawatt bench COMMAND`."""

from pathlib import Path
from typing import Any, Final

import click

from bench.attacks.running import ATTACKS
from bench.load import HOST, POD
from bench.soak import FEWEST
from gigawatt import bench_commands, benching
from gigawatt.bench_output import require_writable
from gigawatt.bench_wanted import ONE_SIZE, SIZES, Wanted
from gigawatt.command_folder import CommandFolder
from local.parts import require_parts
from producers.flags import FiniteRange

_CONNECTIONS: Final = 1_000
_WITHOUT_PARTS: Final = ("produce",)
"""What is measured on a host of a fleet, too, where nothing but a producer is installed."""


@click.group(cls=CommandFolder, package=bench_commands, invoke_without_command=True)
@click.option(
    "--chips",
    help=f"Fleet sizes, one run each.  [default: {SIZES[HOST]}; with --pods {SIZES[POD]};"
    f" with --peers, --soak and --backlog {ONE_SIZE}]",
)
@click.option("--batch", type=click.IntRange(1), help=f"Samples per message: the chips of a host.  [default: {HOST}]")
@click.option("--pods", is_flag=True, help=f"Messages of pods: --batch {POD}.")
@click.option("--seconds", type=FiniteRange(1), help="Measured time of each run.  [default: 30, of an attack 60]")
@click.option(
    "--warm-up", default=12.0, show_default=True, type=FiniteRange(0), help="Seconds before measuring begins."
)
@click.option("--workers", default="1", show_default=True, help="Worker processes; several numbers are a run each.")
@click.option(
    "--producers",
    default=1,
    show_default=True,
    type=click.IntRange(1, _CONNECTIONS),
    help="Connections that share the fleet: a broker pays by the request.",
)
@click.option(
    "--publish-every",
    default=1,
    show_default=True,
    metavar="SECONDS",
    type=click.IntRange(1, 60),
    help="Reads in a message, one a second.",
)
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
@click.option(
    "--peers",
    is_flag=True,
    help="Measure others on the same fleet, too: Prometheus and VictoriaMetrics, which GIGAWATT_PROMETHEUS,"
    " GIGAWATT_VICTORIAMETRICS and GIGAWATT_VMALERT name where they are not on the path, and Faust as it is usually"
    " written.",
)
@click.option(
    "--soak",
    type=click.IntRange(FEWEST),
    metavar="MINUTES",
    help="Keep the load up for so long: cost and memory minute by minute, and the audit at the end.",
)
@click.option(
    "--backlog",
    type=FiniteRange(1, 3600),
    metavar="SECONDS",
    help="Stop the workers for so long, then measure how quickly they catch up.",
)
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Measure all sizes, shapes and peers, and write the figures into docs/performance.md, which is named here.",
)
@click.option(
    "--measured",
    type=click.Path(path_type=Path, dir_okay=False),
    help="For --report: take the figures of this file, and measure nothing.",
)
@click.pass_context
def command(
    ctx: click.Context,
    /,
    *,
    chips: str | None,
    batch: int | None,
    pods: bool,
    seconds: float | None,
    warm_up: float,
    workers: str,
    producers: int,
    publish_every: int,
    json_path: Path | None,
    measured: Path | None,
    **instead: Any,
) -> None:
    """Measure cost, freshness and size on this machine, each run with a stack and a simulated fleet of its own.

    Every chip is sampled every second. Costs are CPU time of the processes, merges included; freshness is from a
    sample's end until it is visible; bytes are as compressed on the wire and as stored raw.
    """
    if ctx.invoked_subcommand is not None:
        return
    asked = _one_of(instead)
    if pods and batch is not None:
        raise click.UsageError("--pods and --batch both say how large a message is: give one of them")
    if measured is not None and asked != "report":
        raise click.UsageError("--measured is for --report alone")
    require_writable(json_path, "--json")
    if asked not in _WITHOUT_PARTS and measured is None:
        require_parts()
    shape = POD if pods else batch or HOST
    wanted = Wanted(chips, shape, seconds, warm_up, workers, producers, publish_every, json_path)
    if asked == "report":
        benching.report(wanted, instead["report"], measured)
    else:
        benching.MEASUREMENTS[asked](wanted, instead.get(asked))


def _one_of(instead: dict[str, Any]) -> str:
    """Return which of the measurements is asked for, "" for none. Raises `UsageError` for two."""
    asked = [name for name, value in instead.items() if value]
    if len(asked) > 1:
        raise click.UsageError(f"--{asked[0]} and --{asked[1]} are two measurements: give one of them")
    return asked[0] if asked else ""
