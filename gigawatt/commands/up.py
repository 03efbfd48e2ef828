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
    "Serve /metrics of the simulated fleet at this address, and of the workers on the following ports. The page and "
    "ClickHouse always serve their metrics.  [env: GIGAWATT_METRICS]"
)
_HIGHEST_PORT = 65535
_PORT = click.IntRange(1, _HIGHEST_PORT)


@click.command()
@click.option(
    "--chips",
    type=click.IntRange(min=0),
    help=f"Number of simulated chips, 0 for none.  [default: {stack.DEFAULT_CHIPS}]",
)
@click.option(
    "--fleet-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Fleet file (TOML) with budgets and chips, scaled to --chips; not scaled with --chips 0."
    "  [default: an example lab]",
)
@click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    default=up.state_directory,
    show_default="gigawatt in the user's state home",
    help="Directory for data and logs; the next start resumes from it.",
)
@click.option("--kafka-port", type=_PORT, default=9092, show_default=True, help="Port of Kafka on loopback.")
@click.option(
    "--clickhouse-port", type=_PORT, default=8123, show_default=True, help="HTTP port of ClickHouse on loopback."
)
@click.option("--page-port", type=_PORT, default=8080, show_default=True, help="Port of the live page on loopback.")
@click.option(
    "--listen",
    metavar="ADDRESS",
    default=stack.HOST,
    show_default="loopback only",
    help="Also serve the page and ClickHouse on this address of the machine, over https and with passwords. Kafka "
    "stays on loopback.",
)
@click.option(
    "--tls-certificate",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Certificate chain for --listen (PEM). It may be renewed in place.",
)
@click.option(
    "--tls-key",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Private key of --tls-certificate (PEM).  [default: in the certificate file]",
)
@click.option("--seconds", type=FiniteRange(min=0), help="Stop this many seconds after the stack is ready.")
@click.option(
    "--ready-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the addresses (kafka, clickhouse, page) to this file as JSON once samples are accepted.",
)
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Number of Faust workers.")
@click.option(
    "--broker",
    type=click.Choice(Kind, case_sensitive=False),
    default="auto",
    show_default=True,
    help="Apache Kafka, or Tansu, which keeps its topics in memory; auto is Kafka if it is available.",
)
@options.metrics_and_log(help_of_metrics=_METRICS)
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

    Starts a Kafka broker, ClickHouse, the schema migrations, workers, a simulated fleet and a live page. All ports are
    on loopback, unless --listen sets an address for other machines. Crashed processes are restarted. SIGINT or SIGTERM
    stops everything.
    """
    if metrics and metrics.port + workers > _HIGHEST_PORT:
        raise click.BadParameter(
            "no port is left for the workers' metrics; choose a lower port", param_hint="--metrics"
        )
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
