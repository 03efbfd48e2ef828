"""The requests of a server as figures for Prometheus."""

from collections.abc import Iterator

from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily, Metric

from schema.tally import Requests


def request_families(prefix: str, requests: Requests) -> Iterator[Metric]:
    """Yield how many there were by status, and how long they took."""
    answered = CounterMetricFamily(
        f"{prefix}_requests",
        "Answered requests, by HTTP status; 499: the client disconnected.",
        labels=["status"],
    )
    for status, count in sorted(requests.answered.copy().items()):
        answered.add_metric([str(status)], count)
    yield answered
    yield HistogramMetricFamily(
        f"{prefix}_request_seconds",
        "Time to answer requests.",
        buckets=requests.durations.buckets(),
        sum_value=requests.durations.sum_s,
    )
