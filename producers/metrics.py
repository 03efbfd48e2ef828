"""A producer's figures for Prometheus, of what it counts already. Listed in docs/metrics.md."""

from collections import Counter
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
    SummaryMetricFamily,
)

from producers.sampler import Counts, Outcome
from producers.sink import Sent
from producers.watched import Watched


class Figure(NamedTuple):
    """How a field of `Sent` is shown. One that is a `Counter` has a `label`; one that may fall is no `counter`."""

    name: str
    text: str
    label: str = ""
    counter: bool = True

    def family(self, value: float | Counter[str]) -> Metric:
        """Return the metric of a value."""
        kind = CounterMetricFamily if self.counter else GaugeMetricFamily
        if not isinstance(value, Counter):
            return kind(self.name, self.text, value=value)
        family = kind(self.name, self.text, labels=[self.label])
        for of, count in sorted(value.copy().items()):
            family.add_metric([of], count)
        return family


SENT: Final[Mapping[str, Figure]] = MappingProxyType(
    {
        "messages": Figure("gigawatt_producer_sent_messages", "Messages that the broker acknowledged."),
        "samples": Figure("gigawatt_producer_sent_samples", "Samples that the broker acknowledged."),
        "sent_bytes": Figure(
            "gigawatt_producer_sent_bytes", "Uncompressed bytes of messages that the broker acknowledged."
        ),
        "lost": Figure("gigawatt_producer_lost_samples", "Lost samples: they will not arrive."),
        "gathered": Figure(
            "gigawatt_producer_gathered_samples",
            "Samples that wait for further reads of their message (--publish-every).",
            counter=False,
        ),
        "dropped": Figure(
            "gigawatt_producer_dropped_samples", "Lost samples that the spool dropped, by reason.", "reason"
        ),
        "spooled": Figure("gigawatt_producer_spooled_samples", "Samples that wait in the spool.", counter=False),
        "damaged": Figure("gigawatt_producer_damaged_messages", "Messages that could not be read back from the spool."),
    }
)
"""Figures by the field of `Sent` that each shows: a new field needs a line here, and one in docs/metrics.md."""


class ProducerMetrics:
    """Collects what is known of a producer at the moment."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched

    def collect(self) -> Iterator[Metric]:
        """Yield the families."""
        sampler, sink = self._watched.sampler, self._watched.sink
        yield InfoMetricFamily("gigawatt_producer", "Source of this producer.", value={"source": self._watched.source})
        yield from _read(sampler.counts if sampler else Counts())
        sent = sink.sent if sink else Sent()
        for field, figure in SENT.items():
            yield figure.family(getattr(sent, field))
        yield GaugeMetricFamily(
            "gigawatt_producer_buffered_bytes",
            "Uncompressed bytes of messages that are not acknowledged yet.",
            value=sink.waiting_bytes() if sink else 0,
        )
        yield GaugeMetricFamily(
            "gigawatt_producer_broker_up",
            "1 while the broker acknowledges messages, or none wait.",
            value=float(sink is not None and not self._watched.broker_is_away()),
        )


def _read(counts: Counts) -> Iterator[Metric]:
    reads = CounterMetricFamily("gigawatt_producer_reads", "Reads of the source, by outcome.", labels=["outcome"])
    for outcome in Outcome:
        reads.add_metric([str(outcome)], counts.reads[outcome])
    yield reads
    yield SummaryMetricFamily(
        "gigawatt_producer_read_seconds",
        "Duration of reads.",
        count_value=sum(counts.reads.values()),
        sum_value=counts.read_s,
    )
    yield GaugeMetricFamily(
        "gigawatt_producer_last_read_seconds", "Duration of the last read.", value=counts.last_read_s
    )
    last = GaugeMetricFamily(
        "gigawatt_producer_last_success_timestamp_seconds", "Time of the last successful read of the source."
    )
    if counts.last_success_s is not None:
        last.add_metric([], counts.last_success_s)
    yield last
    yield CounterMetricFamily(
        "gigawatt_producer_missed_ticks", "Ticks missed while a read took too long.", value=counts.missed_ticks
    )
    yield CounterMetricFamily(
        "gigawatt_producer_samples", "Samples that were handed to the publisher.", value=counts.samples
    )
    yield CounterMetricFamily(
        "gigawatt_producer_rejected_samples",
        "Samples that were not published because the worker would reject them.",
        value=counts.rejected,
    )
    left_out = CounterMetricFamily(
        "gigawatt_producer_left_out_values",
        "Values left out because they were out of range, by field.",
        labels=["field"],
    )
    for field, values in sorted(counts.left_out.copy().items()):
        left_out.add_metric([field], values)
    yield left_out
