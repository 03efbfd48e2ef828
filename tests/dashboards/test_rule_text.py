"""What an alert says: Grafana's template, and the same filled in here."""

from collections.abc import Mapping

import pytest

from dashboards.rule import Rule, load_rules
from dashboards.rule_text import filled, humanize, humanize_duration, percentage, template
from tests.dashboards.go_template import rendered

every_rule = pytest.mark.parametrize("rule", load_rules(), ids=lambda rule: rule.name)


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
    """Values stand in a `with`, and labels come with them; without values the rule's title is said."""
    instead = "Hot{{ with $labels.site }}, {{ . }}{{ end }}: no value now, the query failed or had no data."
    assert template("{site}: {shown}, {value}", "Hot", ["site"], "W") == (
        "{{ with $values.A }}{{ with $values.B }}"
        "{{ $labels.site }}: "
        "{{ humanize $values.B.Value }}W, {{ humanizePercentage $values.A.Value }}"
        f"{{{{ else }}}}{instead}{{{{ end }}}}{{{{ else }}}}{instead}{{{{ end }}}}"
    )
    with pytest.raises(KeyError, match="rack"):
        template("{rack}", "Hot", ["site"], "W")


def of_rule(rule: Rule, labels: Mapping[str, str], values: Mapping[str, float]) -> str:
    """Return the summary that a notification of this rule carries."""
    return rendered(rule.file_form()["annotations"]["summary"], labels, values)


@every_rule
def test_with_data_it_says_what_the_page_says(rule: Rule):
    labels = {name: f"a {name}" for name in rule.labels}

    assert of_rule(rule, labels, {"A": 1.25, "B": 4.0e6}) == filled(rule.summary, labels, rule.unit, 4.0e6, 1.25)


@every_rule
@pytest.mark.parametrize("values", [{}, {"A": 1.25}, {"B": 4.0e6}], ids=["no values", "no B", "no A"])
@pytest.mark.parametrize("known", [True, False], ids=["labels", "no labels"])
def test_without_data_or_after_an_error_it_says_so(rule: Rule, values, known):
    """Of an alert that is kept the labels are known; of a rule that failed none is."""
    labels = {name: f"a {name}" for name in rule.labels} if known else {}
    said = of_rule(rule, labels, values)

    assert said == ", ".join([rule.title, *labels.values()]) + ": no value now, the query failed or had no data."


@every_rule
def test_a_notification_links_to_the_runbook(rule: Rule):
    url = rendered(rule.file_form()["annotations"]["runbook_url"], {}, {})

    assert url == f"http://grafana.example{rule.runbook}"


def test_a_text_is_filled_in():
    assert filled("{site}: {shown}, {value}", {"site": "iowa"}, "count", 12.0, 1.5) == "iowa: 12, 150%"
    assert filled("{site}: {shown}, {value}", {}, "count", None, None) == "?: ?, ?"
