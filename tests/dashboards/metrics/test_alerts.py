"""The values of rules for Prometheus: those of the same preview, normal ones too."""

from dataclasses import replace

from dashboards.evaluate import Frame
from dashboards.live.alerts import MEASURED_FOR_S, AlertReader
from dashboards.metrics.alerts import LABELS, MOST, AlertMetrics
from dashboards.preview import Measured, Preview
from dashboards.rule import load_rules

BY_NAME = {rule.name: rule for rule in load_rules()}
FLEET = {"site": "iowa", "fleet": "frontier", "platform": "tpu"}


def samples(measured):
    families = {family.name: family for family in AlertMetrics(lambda: measured).collect()}
    return {
        name: [({k: v for k, v in one.labels.items() if v}, one.value) for one in family.samples]
        for name, family in families.items()
    }


def test_a_value_has_the_labels_of_its_rule():
    found = samples([Measured("budget_exceeded", FLEET, 0.93, 1e6), Measured("freshness_lost", {}, 0.1, None)])

    assert found["gigawatt_alert_value"] == [
        ({"rule": "budget_exceeded", **FLEET}, 0.93),
        ({"rule": "freshness_lost"}, 0.1),
    ]
    assert found["gigawatt_alert_shown"] == [({"rule": "budget_exceeded", **FLEET}, 1e6)]


def test_what_is_not_known_has_no_series():
    assert samples([Measured("budget_exceeded", FLEET, float("nan"), 1e6)])["gigawatt_alert_value"] == []


def test_of_a_flood_the_highest_are_kept_and_the_rest_is_counted():
    measured = [Measured("budget_exceeded", FLEET | {"fleet": f"{n}"}, float(n), None) for n in range(MOST + 5)]
    found = samples(measured)

    assert min(value for _, value in found["gigawatt_alert_value"]) == 5
    assert found["gigawatt_alert_values_left_out"] == [({}, 5)]


def test_every_label_of_every_rule_is_known():
    assert {label for rule in load_rules() for label in rule.labels} <= set(LABELS)


class Store:
    """Answers every rule alike, or not at all."""

    def __init__(self):
        self.value, self.error = 1.2, None

    def __call__(self, sql):
        if self.error:
            raise self.error
        return Frame(["site", "fleet", "platform", "value", "shown"], [[*FLEET.values(), self.value, 1e6]])


def test_normal_ones_are_measured_too_and_an_alert_that_is_kept_has_its_last_value():
    """So long as its rule keeps it: one that has no answer then ends in no Prometheus either."""
    store, rule = Store(), replace(BY_NAME["budget_exceeded"], for_s=0)
    preview = Preview(store, [rule])

    def measured(at_s):
        preview.evaluate(at_s * 1000)
        return [one.value for one in preview.measured()]

    assert measured(30) == [1.2]
    store.error = RuntimeError("away")
    assert [measured(60), measured(90)] == [[1.2], [1.2]]
    store.error, store.value = None, 0.5
    assert measured(120) == [0.5]
    store.error = RuntimeError("away")
    assert measured(150) == []


class Client:
    """Answers no query."""

    def raw_query(self, sql, **settings):
        raise RuntimeError("away")


def test_what_was_measured_long_ago_is_not_shown():
    now_s = [1000.0]
    reader = AlertReader(Client, clock=lambda: now_s[0])
    assert reader.measured() == []

    measured = [Measured("budget_exceeded", FLEET, 1.2, None)]
    reader._measured = (measured, now_s[0])
    assert reader.measured() == measured
    now_s[0] += MEASURED_FOR_S + 1
    assert reader.measured() == []
