"""A worker's figures for Prometheus, of what it counts already. Listed in docs/metrics.md."""

from collections.abc import Iterator

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from streams.counts import Counts
from streams.watched import Watched


class WorkerMetrics:
    """Collects what is known of a worker at the moment."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched

    def collect(self) -> Iterator[Metric]:
        """Yield the families."""
        ingest = self._watched.ingest
        counts = ingest.counts if ingest else Counts()
        yield from _counted(counts)
        letters = ingest.letters if ingest else None
        yield CounterMetricFamily(
            "gigawatt_worker_dead_letters_unwritten",
            "Dead letters that could not be written with their commit; recorded and retried.",
            value=counts.unwritten_letters,
        )
        yield CounterMetricFamily(
            "gigawatt_worker_dead_letters_lost",
            "Dead letters that were dropped because too many wait; recorded as not written.",
            value=letters.given_up if letters else 0,
        )
        yield GaugeMetricFamily(
            "gigawatt_worker_dead_letters_waiting",
            "Dead letters that wait to be retried.",
            value=letters.waiting if letters else 0,
        )
        yield GaugeMetricFamily(
            "gigawatt_worker_held_bytes",
            "Bytes of messages that are read and not stored yet.",
            value=ingest.held_bytes if ingest else 0,
        )
        yield GaugeMetricFamily(
            "gigawatt_worker_assigned_partitions",
            "Partitions of the samples topic that are assigned to this worker.",
            value=ingest.partitions if ingest else 0,
        )
        lag = GaugeMetricFamily(
            "gigawatt_worker_lag_messages",
            "Offsets of an assigned partition that are not stored yet.",
            labels=["partition"],
        )
        for partition, messages in sorted(self._watched.lag().items()):
            lag.add_metric([str(partition)], messages)
        yield lag


def _counted(counts: Counts) -> Iterator[Metric]:
    for name, text, value in (
        ("messages", "Messages stored.", counts.messages),
        ("samples", "Samples stored.", counts.samples),
        ("late_samples", "Stored samples that were appended more than 30 s after their end.", counts.late_samples),
        ("lost_messages", "Messages that Kafka deleted before they were stored.", counts.lost_messages),
        (
            "failed_attempts",
            "Failed attempts to store, or to fetch messages from the broker; each was retried.",
            counts.failed_attempts,
        ),
    ):
        yield CounterMetricFamily(f"gigawatt_worker_{name}", text, value=value)
    rejected = CounterMetricFamily("gigawatt_worker_rejected_rows", "Rejected rows, by reason.", labels=["reason"])
    for reason, rows in sorted(counts.rejected.copy().items()):
        rejected.add_metric([reason], rows)
    yield rejected
    yield HistogramMetricFamily(
        "gigawatt_worker_commit_seconds",
        "Time from the agreement on a commit until it is stored.",
        buckets=counts.commits.buckets(),
        sum_value=counts.commits.sum_s,
    )
    last = GaugeMetricFamily("gigawatt_worker_last_commit_timestamp_seconds", "When this worker last stored a commit.")
    if counts.last_commit_s is not None:
        last.add_metric([], counts.last_commit_s)
    yield last
