"""`gigawatt exporter`."""

import threading
from collections.abc import Callable

import click
import structlog

from dashboards.live.alerts import AlertReader, AlertWatch
from dashboards.live.by_method import MethodReader
from dashboards.live.reader import SummaryReader
from gigawatt import log, options
from gigawatt.stopping import stop_on_signals
from schema.address import Address
from schema.clickhouse import connect
from schema.said import Reasons
from schema.terminal import say_lines

_WITHIN_S = 5.0  # Prometheus waits ten by default
_LOOKS_EVERY_S = 10.0


@click.command()
@options.clickhouse
@click.option("--once", is_flag=True, help="Print the metrics and exit.")
@options.metrics_and_log(metrics="127.0.0.1:9812")
def command(*, clickhouse: str, once: bool, metrics: Address | None, log_format: str, log_level: str) -> None:
    """Serve fleet power and the values of alert rules to Prometheus.

    The exporter only reads from ClickHouse. --metrics sets its address. The Prometheus rules are in
    dashboards/prometheus/rules.yaml.
    """
    if metrics is None and not once:
        raise click.UsageError("--metrics off leaves nothing to serve: set a port")
    from dashboards.metrics.figures import Figures  # noqa: PLC0415  `--help` need not wait for it
    from schema.served import serving  # noqa: PLC0415  the same

    summary = SummaryReader(lambda: connect(clickhouse, timeout_s=_WITHIN_S))
    by_method = MethodReader(lambda: connect(clickhouse, timeout_s=_WITHIN_S))
    alerts = AlertReader(lambda: connect(clickhouse, timeout_s=_WITHIN_S))
    report = Figures(summary.read, by_method.read, alerts.measured).self_report()
    with log.logging_to_stderr(log_format, log_level):
        if once:
            summary.read()
            alerts.read()
            reply = report.reply("/metrics")
            say_lines(reply.body.decode() if reply else "")
            return
        stop = stop_on_signals()
        with serving(metrics, report), AlertWatch(alerts.read):
            _log_until(stop, report.why_not_ready)


def _log_until(stop: threading.Event, why_not: Callable[[], str]) -> None:
    """Log what keeps it from its work, each reason once, and when it ends."""
    logger, said = structlog.get_logger(), Reasons()
    while True:
        reason = why_not()
        if reason and said.is_new(reason):
            logger.warning("waiting", until=reason)
        elif not reason and said.clear():
            logger.info("no longer waiting: ClickHouse answers")
        if stop.wait(_LOOKS_EVERY_S):
            return
