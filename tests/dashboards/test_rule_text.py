"""What an alert says: Grafana's template, and the same filled in here."""

import pytest

from dashboards.rule_text import filled, humanize, humanize_duration, percentage, template


@pytest.mark.parametrize(
    ("number", "written"),
    [
        (0.0, "0"),
        (999.0, "999"),
        (12_100_000.0, "12.1M"),
        (-1_234_567.0, "-1.235M"),
        (0.0125, "12.5m"),
        (float("inf"), "inf"),
        (5e18, "5000P"),
    ],
)
def test_numbers_have_metric_prefixes(number, written):
    assert humanize(number) == written


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(0.25, "250ms"), (1.5, "1.5s"), (59.0, "59s"), (61.0, "1m 1s"), (3_725.0, "1h 2m 5s"), (90_061.0, "1d 1h 1m 1s")],
)
def test_durations_have_their_largest_units(seconds, written):
    assert humanize_duration(seconds) == written


def test_shares_are_percentages():
    assert percentage(1.0437) == "104.4%"


def test_a_text_becomes_a_template_of_grafana():
    assert template("{site}: {shown}, {value}", ["site"], "W") == (
        "{{ $labels.site }}: {{ humanize $values.B.Value }}W, {{ humanizePercentage $values.A.Value }}"
    )
    with pytest.raises(KeyError, match="rack"):
        template("{rack}", ["site"], "W")


def test_a_text_is_filled_in():
    assert filled("{site}: {shown}, {value}", {"site": "iowa"}, "count", 12.0, 1.5) == "iowa: 12, 150%"
    assert filled("{site}: {shown}, {value}", {}, "count", None, None) == "?: ?, ?"
