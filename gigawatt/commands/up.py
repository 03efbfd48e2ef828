"""`gigawatt up`."""

import os
from pathlib import Path

import click
import structlog

from gigawatt import log, options
from gigawatt.looking import quiet_clients
from local import stack, up
from local.broker import Kind
from local.outside import outside_of
from local.parts import require_parts
from producers.flags import FiniteRange
from schema.address import Address

_METRICS = (
    "Serve /metrics of the simulated fleet here, and of the workers on the ports after it; page and ClickHouse always "
    "serve theirs.  [env: GIGAWATT_METRICS]"
)
_HIGHEST_PORT = 65535
_PORT = click.IntRange(1, _HIGHEST_PORT)


@click.command()
@click.option(
    "--chips",
    type=click.IntRange(min=0),
    help=f"Size of the simulated fleet, 0 for none.  [default: {stack.DEFAULT_CHIPS}]",
)
@click.option(
    "--fleet-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Budgets and chips (TOML), scaled to --chips; as it stands with --chips 0.  [default: a picture of a lab]",
)
@click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    default=up.state_directory,
    show_default="gigawatt in the user's state home",
    help="Where data and logs are kept; a second start finds them again.",
)
@click.option("--kafka-port", type=_PORT, default=9092, show_default=True, help="Kafka, on loopback.")
@click.option("--clickhouse-port", type=_PORT, default=8123, show_default=True, help="ClickHouse HTTP, on loopback.")
@click.option("--page-port", type=_PORT, default=8080, show_default=True, help="The live page, on loopback.")
@click.option(
    "--listen",
    metavar="ADDRESS",
    default=stack.HOST,
    show_default="loopback alone",
    help="Serve the page and ClickHouse on this address of the machine, too, over https and with passwords. Kafka "
    "stays on loopback.",
)
@click.option(
    "--tls-certificate",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Certificate for --listen (PEM), with those that signed it. It may be renewed in place.",
)
@click.option(
    "--tls-key",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Private key of --tls-certificate (PEM).  [default: in the same file]",
)
@click.option("--seconds", type=FiniteRange(min=0), help="Stop so long after it is ready.")
@click.option(
    "--ready-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the addresses here as JSON (kafka, clickhouse, page) once samples are accepted.",
)
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Faust workers.")
@click.option(
    "--broker",
    type=click.Choice(Kind, case_sensitive=False),
    default="auto",
    show_default=True,
    help="Apache Kafka, or Tansu, which keeps its log in memory; auto is Kafka where it can be had.",
)
@options.told(help_of_metrics=_METRICS)
def command(
    *,
    chips: int | None,
    fleet_file: Path | None,
    state: Path,
    kafka_port: int,
    clickhouse_port: int,
    page_port: int,
    listen: str,
    tls_certificate: Path | None,
    tls_key: Path | None,
    seconds: float | None,
    ready_file: Path | None,
    workers: int,
    broker: Kind,
    metrics: Address | None,
    log_format: str,
    log_level: str,
) -> None:
    """Run the whole stack on this machine, without Docker.

    A Kafka broker, ClickHouse, the schema, workers, a simulated fleet, and a live page. All ports are on loopback,
    unless --listen names an address for other machines. What crashes is started again; everything ends with this
    command, on SIGINT or SIGTERM.
    """
    if metrics and metrics.port + workers > _HIGHEST_PORT:
        raise click.BadParameter("there is no port left for the workers' metrics", param_hint="--metrics")
    require_parts()
    outside = outside_of(listen, tls_certificate, tls_key)
    quiet_clients()
    plan = stack.Plan(
        state=state.absolute(), chips=chips, fleet_file=fleet_file, workers=workers, broker=broker,
        kafka_port=kafka_port, clickhouse_port=clickhouse_port, page_port=page_port,
        outside=outside, metrics=metrics,
    )  # fmt: skip
    os.environ |= {"GIGAWATT_LOG_FORMAT": log_format, "GIGAWATT_LOG_LEVEL": log_level}  # for the children
    if log_format == log.LINES:
        up.run(plan, seconds=seconds, ready_file=ready_file)
        return
    with log.logging_to_stderr(log_format, log_level):
        up.run(plan, seconds=seconds, ready_file=ready_file, log=structlog.get_logger().info)
