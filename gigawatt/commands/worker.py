"""`gigawatt worker`."""

import time
from typing import TYPE_CHECKING

import click
import structlog

from gigawatt import log, options
from gigawatt.memory import keep_freed_memory
from gigawatt.systemd import telling_systemd
from schema.acls import roles
from schema.address import Address
from schema.clickhouse import ClickHouseAwayError, connect
from schema.kafka import KafkaAdmin, KafkaAwayError, TopicMissingError
from schema.kafka_access import KafkaAccess
from schema.kafka_refused import MissingRightError
from schema.said import Reasons
from schema.topics import SAMPLES

if TYPE_CHECKING:
    from streams.watched import Watched


@click.command()
@options.kafka
@options.clickhouse
@click.option(
    "--name",
    envvar="GIGAWATT_WORKER",
    show_envvar=True,
    help="Stable member name (static membership), unique per worker; a restarted worker regains its partitions without"
    " a rebalance.",
)
@options.metrics_and_log()
@options.verbose
def command(
    *,
    kafka: str,
    access: KafkaAccess,
    clickhouse: str,
    name: str | None,
    metrics: Address | None,
    log_format: str,
    log_level: str,
    verbose: bool,
) -> None:
    """Run one Faust worker. It reads samples from Kafka and stores sums and raw samples in ClickHouse, exactly once.

    Run as many workers as there are cores, up to one per partition. SIGINT or SIGTERM stops a worker; killing one is
    safe.
    """
    keep_freed_memory()  # before pyarrow is loaded
    from schema.served import SelfReport, serving  # noqa: PLC0415  Faust takes half a second to import, `--help` need not wait
    from streams import app  # noqa: PLC0415  the same
    from streams.metrics import WorkerMetrics  # noqa: PLC0415  the same
    from streams.watched import Watched  # noqa: PLC0415  the same

    watched = Watched()
    report = SelfReport([WorkerMetrics(watched)], alive=watched.alive, ready=watched.ready)
    with (
        log.logging_to_stderr(log_format, log_level, verbose=verbose),
        serving(metrics, report),
        telling_systemd(watched.alive),
    ):
        log_id = _wait_until_up(kafka, access, clickhouse, watched)
        worker = app.make_app(
            kafka,
            lambda: connect(clickhouse),
            log_id,
            name or app.worker_name(),
            named=name is not None,
            access=access,
            watched=watched,
        )
        app.run(worker, logging_config=log.libraries(log_format, verbose=verbose))


def _wait_until_up(kafka: str, access: KafkaAccess, clickhouse: str, watched: "Watched") -> str:
    """Wait for broker and ClickHouse, and log what is missing; return the identity of the topic."""
    logger = structlog.get_logger()
    said = Reasons()
    while True:
        try:
            connect(clickhouse).close()
            with KafkaAdmin(kafka, access=access) as admin:
                found = admin.log_id(SAMPLES)
                admin.require(roles()["worker"])
        except (ClickHouseAwayError, KafkaAwayError, MissingRightError, TopicMissingError) as error:
            watched.waiting_for = str(error)
            if said.is_new(str(error)):
                logger.warning("waiting", until=str(error))
            time.sleep(0.5)
        else:
            watched.waiting_for = ""
            if said.clear():
                logger.info("no longer waiting: broker and ClickHouse answer")
            return found
