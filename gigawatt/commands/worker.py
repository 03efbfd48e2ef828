"""`gigawatt worker`."""

import time

import click
import structlog

from gigawatt import log, options
from gigawatt.memory import keep_freed_memory
from schema.acls import roles
from schema.clickhouse import ClickHouseAwayError, connect
from schema.kafka import KafkaAdmin, KafkaAwayError, TopicMissingError
from schema.kafka_access import KafkaAccess
from schema.kafka_refused import MissingRightError
from schema.topics import SAMPLES


@click.command()
@options.kafka
@options.clickhouse
@click.option(
    "--name",
    envvar="GIGAWATT_WORKER",
    show_envvar=True,
    help="A lasting name, one per worker: restarted under it, a worker has its partitions back at once.",
)
@options.verbose
def command(*, kafka: str, access: KafkaAccess, clickhouse: str, name: str | None, verbose: bool) -> None:
    """Run one Faust worker: samples from Kafka, sums and raw batches to ClickHouse, exactly once.

    Run as many as there are cores for, up to one per partition. Stop one with SIGINT or SIGTERM; a killed one does no
    harm.
    """
    keep_freed_memory()  # before pyarrow is loaded
    from streams import app  # noqa: PLC0415  Faust takes half a second to import, `--help` need not wait

    log.configure(verbose=verbose)
    log_id = _wait_until_up(kafka, access, clickhouse)
    worker = app.make_app(
        kafka,
        lambda: connect(clickhouse),
        log_id,
        name or app.worker_name(),
        named=name is not None,
        access=access,
    )
    app.run(worker, verbose=verbose)


def _wait_until_up(kafka: str, access: KafkaAccess, clickhouse: str) -> str:
    """Wait for broker and store, saying what is waited for; return the identity of the log."""
    logger = structlog.get_logger()
    said = ""
    while True:
        try:
            connect(clickhouse).close()
            with KafkaAdmin(kafka, access=access) as admin:
                log_id = admin.log_id(SAMPLES)
                admin.require(roles()["worker"])
                return log_id
        except (ClickHouseAwayError, KafkaAwayError, MissingRightError, TopicMissingError) as error:
            if str(error) != said:
                said = str(error)
                logger.warning("waiting", until=said)
            time.sleep(0.5)
