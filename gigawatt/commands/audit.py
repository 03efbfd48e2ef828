"""`gigawatt audit`."""

import sys
import time
from collections.abc import Iterator

import click

from gigawatt import options
from schema.clickhouse import connect
from schema.kafka import KafkaAdmin
from schema.kafka_access import KafkaAccess
from schema.readback import LogRecord, read_log
from schema.terminal import say
from schema.topics import SAMPLES
from streams import audit


@click.command()
@options.kafka
@options.clickhouse
@click.option(
    "--messages",
    default=500_000,
    show_default=True,
    type=click.IntRange(1),
    help="Maximum number of messages to read back, newest first.",
)
@click.option(
    "--patience", default=30, show_default=True, type=click.IntRange(0), help="Seconds to wait until ingestion is idle."
)
def command(*, kafka: str, access: KafkaAccess, clickhouse: str, messages: int, patience: int) -> None:
    """Prove that every sample is stored exactly once. Exit status 1 if a check fails.

    Ledger: the stored offsets of each partition have no gap and no overlap.

    Topic: each block that is read back from Kafka matches the ledger, joules to 1e-9.

    Sums: seconds, minutes, hours and the ledger hold the same joules and samples, for everything ever stored.
    """
    client = connect(clickhouse, timeout_s=300)
    with KafkaAdmin(kafka, access=access) as admin:
        log, ends = admin.log_id(SAMPLES), admin.log_ends(SAMPLES)
    blocks = audit.read_ledger(client, log, SAMPLES)
    findings = [audit.check_ledger(blocks)]
    _show(findings[-1])
    rulings = audit.read_rulings(client)
    spans = _spans(blocks, ends, messages)
    kept = [block for block in blocks if block.offset_from >= spans[block.partition][0]]
    findings.append(audit.check_log(kept, _progress(read_log(kafka, SAMPLES, spans, access), spans), rulings))
    _show(findings[-1])
    findings.append(audit.check_sums(lambda: audit.read_sums(client), lambda: time.sleep(0.1), patience * 10))
    _show(findings[-1])
    if anew := audit.made_anew(client, log, SAMPLES):
        say(f"       {anew}")
    waiting = sum(max(end - _stored(blocks, partition) - 1, 0) for partition, (_, end) in ends.items())
    say(f"       {waiting} messages of the topic are not stored yet")
    for partition, offset_from, offset_to in audit.unfinished(client, log)[:5]:
        say(f"       in progress: partition {partition}, offsets {offset_from} to {offset_to}")
    if not all(finding.holds for finding in findings):
        sys.exit(1)


def _show(finding: audit.Finding) -> None:
    say(f"{'holds' if finding.holds else 'FAILS'}  {finding.what:<7} {finding.detail}")


def _stored(blocks: list[audit.LedgerBlock], partition: int) -> int:
    return max((block.offset_to for block in blocks if block.partition == partition), default=-1)


def _spans(
    blocks: list[audit.LedgerBlock], ends: dict[int, tuple[int, int]], messages: int
) -> dict[int, tuple[int, int]]:
    """Return per partition the offsets to read back: whole stored blocks that the log still has, newest first."""
    spans = {}
    for partition, (first, _) in ends.items():
        same = [block for block in blocks if block.partition == partition]
        stored = _stored(blocks, partition)
        oldest = max(first, stored + 1 - messages // max(len(ends), 1))
        start = min((block.offset_from for block in same if block.offset_from >= oldest), default=stored + 1)
        spans[partition] = (start, stored + 1)
    return spans


def _progress(records: Iterator[LogRecord], spans: dict[int, tuple[int, int]]) -> Iterator[LogRecord]:
    total = sum(end - start for start, end in spans.values())
    with click.progressbar(
        records, length=total, label="reading the topic back", file=sys.stderr, hidden=not sys.stderr.isatty()
    ) as shown:
        yield from shown
