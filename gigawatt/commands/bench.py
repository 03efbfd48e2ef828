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
"""These also run on a host of a fleet, where only a producer is installed."""


@click.group(cls=CommandFolder, package=bench_commands, invoke_without_command=True)
@click.option(
    "--chips",
    help=f"Fleet sizes, one run each.  [default: {SIZES[HOST]}; with --pods {SIZES[POD]};"
    f" with --peers, --soak and --backlog {ONE_SIZE}]",
)
@click.option(
    "--batch", type=click.IntRange(1), help=f"Samples per message, as many as chips in a host.  [default: {HOST}]"
)
@click.option("--pods", is_flag=True, help=f"Messages as large as those of a pod: --batch {POD}.")
@click.option(
    "--seconds", type=FiniteRange(1), help="Duration of each measurement in seconds.  [default: 30, for an attack 60]"
)
@click.option(
    "--warm-up", default=12.0, show_default=True, type=FiniteRange(0), help="Seconds to run before the measurement."
)
@click.option(
    "--workers",
    default="1",
    show_default=True,
    help="Number of worker processes; each of several numbers is a run of its own.",
)
@click.option(
    "--producers",
    default=1,
    show_default=True,
    type=click.IntRange(1, _CONNECTIONS),
    help="Number of connections that share the fleet; a broker's cost depends on requests.",
)
@click.option(
    "--publish-every",
    default=1,
    show_default=True,
    metavar="SECONDS",
    type=click.IntRange(1, 60),
    help="Seconds of samples in one message.",
)
@click.option(
    "--json",
    "json_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write the figures to this file as JSON.",
)
@click.option(
    "--produce",
    metavar="ARGUMENTS",
    help="Measure only the cost of `gigawatt produce ARGUMENTS` on this host, for example --produce nvml.",
)
@click.option(
    "--panels",
    is_flag=True,
    help="Measure only how long each query of dashboards and rules takes, over a day of the largest fleet.",
)
@click.option(
    "--attacks",
    metavar="[NAMES]",
    is_flag=False,
    flag_value=",".join(ATTACKS),
    help=f"Measure only the effect of attacks on freshness and memory: all of them, or some of {', '.join(ATTACKS)}.",
)
@click.option(
    "--peers",
    is_flag=True,
    help="Also measure other systems on the same fleet: Prometheus, VictoriaMetrics (GIGAWATT_PROMETHEUS,"
    " GIGAWATT_VICTORIAMETRICS and GIGAWATT_VMALERT name programs that are not on the path), and a conventional Faust"
    " application.",
)
@click.option(
    "--soak",
    type=click.IntRange(FEWEST),
    metavar="MINUTES",
    help="Keep the load up for this many minutes; report cost and memory per minute, and the audit at the end.",
)
@click.option(
    "--backlog",
    type=FiniteRange(1, 3600),
    metavar="SECONDS",
    help="Pause the workers for this many seconds, then measure how quickly they catch up.",
)
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Measure all sizes, message shapes and other systems, and write the figures into this page"
    " (docs/performance.md).",
)
@click.option(
    "--measured",
    type=click.Path(path_type=Path, dir_okay=False),
    help="With --report: use the figures of this file instead of measuring.",
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
    """Measure cost, freshness and size on this machine. Each run starts its own stack and simulated fleet.

    Every chip is sampled every second. Cost is CPU time of the processes, including merges. Freshness is the time from
    the end of a sample until queries return it. Bytes are compressed, on the wire and on disk.
    """
    if ctx.invoked_subcommand is not None:
        return
    asked = _one_of(instead)
    if pods and batch is not None:
        raise click.UsageError("--pods and --batch both set the size of a message: use one of them")
    if measured is not None and asked != "report":
        raise click.UsageError("--measured works only with --report")
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
        raise click.UsageError(f"--{asked[0]} and --{asked[1]} are different measurements: use one of them")
    return asked[0] if asked else ""
