"""`gigawatt bench plan`."""

from pathlib import Path

import click

from bench.plan.costs import costs_of
from bench.plan.plan import Fleet, plan, plan_table
from bench.report.figures import MEASURED, read
from gigawatt.bench_output import require_writable, show, tell, write
from producers.flags import FiniteRange

_MOST_CHIPS = 10**9
_MOST_CORES = 1_024


@click.command()
@click.option("--chips", required=True, type=click.IntRange(1, _MOST_CHIPS), help="Number of chips in the fleet.")
@click.option(
    "--chips-per-host", required=True, type=click.IntRange(1, 1_000_000), help="Number of chips in each host."
)
@click.option(
    "--period", default=1.0, show_default=True, type=FiniteRange(0.01, 3600), help="Seconds between reads of a chip."
)
@click.option("--sites", default=1, show_default=True, type=click.IntRange(1, 100_000), help="Number of sites.")
@click.option(
    "--publish-every",
    type=FiniteRange(0.01, 3600),
    help="Seconds between messages of a host.  [default: --period]",
)
@click.option(
    "--fleets-per-site", default=4, show_default=True, type=click.IntRange(1, 10_000), help="Number of fleets per site."
)
@click.option("--cores", default=16, show_default=True, type=click.IntRange(1, _MOST_CORES), help="Cores per machine.")
@click.option(
    "--measured",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File of costs that `gigawatt bench --report` measured.  [default: the costs shipped with this version]",
)
@click.option(
    "--json",
    "json_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write the result to this file as JSON.",
)
def command(
    *,
    chips: int,
    chips_per_host: int,
    period: float,
    sites: int,
    publish_every: float | None,
    fleets_per_site: int,
    cores: int,
    measured: Path | None,
    json_path: Path | None,
) -> None:
    """Compute the brokers, workers, servers and disks that a fleet needs.

    Also computes partitions and network. The plan uses measured costs, keeps three copies of everything and a third of
    each machine in reserve. Each number has a line that explains it. docs/performance.md describes the method, and what
    was not measured.
    """
    require_writable(json_path, "--json")
    figures = read(measured or MEASURED)
    fleet = Fleet(chips, chips_per_host, period, sites, publish_every or period, fleets_per_site, cores)
    made = plan(fleet, costs_of(figures.runs))
    write(json_path, {"measured": {"date": figures.date, "machine": figures.machine}, **made.as_json()})
    show(plan_table(made), words=2)
    tell(f"from costs measured on {figures.said}")
