"""The values of the alerting rules for Prometheus: the same rules, evaluated once more by nobody.

Each is relative to its fleet's limit, so that one threshold does for all: the rules for Prometheus
(`dashboards.prometheus_rules`) compare it, and have no queries of their own.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from dashboards.preview import Measured
from dashboards.rule import FLEET, load_rules

MOST: Final = 2_000
"""So many values are shown, the highest of each rule first: a flood of fleets is none of series."""
LABELS: Final = (*FLEET, *sorted({label for rule in load_rules() for label in rule.labels} - set(FLEET)))
"""All labels that any rule has; of a rule without one it is empty, which Prometheus takes for none."""


class AlertMetrics:
    """Shows what was evaluated last; `measured` does not wait."""

    def __init__(self, measured: Callable[[], Sequence[Measured]]) -> None:
        self._measured = measured

    def collect(self) -> Iterator[Metric]:
        """Yield the families."""
        value = GaugeMetricFamily(
            "gigawatt_alert_value",
            "Value of a rule, relative to its limit; it alerts above its threshold, usually 1.",
            labels=["rule", *LABELS],
        )
        shown = GaugeMetricFamily(
            "gigawatt_alert_shown", "The number in the rule's text, in the rule's unit.", labels=["rule", *LABELS]
        )
        found = [one for one in self._measured() if not math.isnan(one.value)]
        kept = sorted(found, key=lambda one: -one.value)[:MOST]
        for one in sorted(kept, key=lambda one: (one.rule, sorted(one.labels.items()))):
            labels = [one.rule, *(one.labels.get(label, "") for label in LABELS)]
            value.add_metric(labels, one.value)
            if one.shown is not None and not math.isnan(one.shown):
                shown.add_metric(labels, one.shown)
        yield value
        yield shown
        yield GaugeMetricFamily(
            "gigawatt_alert_values_left_out", "Values beyond the 2,000 highest.", value=len(found) - len(kept)
        )
