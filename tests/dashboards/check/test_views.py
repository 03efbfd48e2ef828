"""Over what a query is tried."""

from dashboards.check.asked import Asked, Variable
from dashboards.check.views import cases, widest
from dashboards.macros import ALL

NOW_MS = 1_790_000_000_000
DAY_MS = 86_400_000
SITE = Variable("site", "query", takes_all=True, takes_several=True)
ONE = Variable("one", "query", takes_all=False, takes_several=False)
TYPED = Variable("typed", "textbox", takes_all=False, takes_several=False)


def panel(*variables: Variable, points: int = 720) -> Asked:
    return Asked("json/a.json", "panel 1", "timeseries", "SELECT 1", 0, "a", variables, points=points)


def test_every_resolution_is_tried():
    """Points that are a second, some minutes and an hour apart."""
    assert [case.view.interval_ms for case in cases(panel(), {}, NOW_MS)] == [1_000, 120_000, 3_600_000]
    assert all(case.view.to_ms == NOW_MS for case in cases(panel(), {}, NOW_MS))


def test_some_and_all_values_are_tried_and_one_with_a_quote():
    some, every, _ = (case.view.variables for case in cases(panel(SITE, ONE, TYPED), {"site": ["iowa", "b"]}, NOW_MS))

    assert some == {"site": ["iowa", "it's"], "one": "nowhere", "typed": "it's"}
    assert every == {"site": [ALL], "one": "nowhere", "typed": ""}


def test_the_widest_view_is_a_day_of_everything():
    view = widest(panel(SITE), {"site": ["iowa"]}, NOW_MS)

    assert (view.to_ms - view.from_ms, view.variables) == (DAY_MS, {"site": [ALL]})


def test_a_rule_is_tried_at_its_own_window_now_and_in_the_past():
    rule = Asked("alerting/a.yaml", "rule a", "rule", "SELECT 1", 1, interval_ms=2_000, window_s=(180, 30))

    now, past = (case.view for case in cases(rule, {}, NOW_MS))
    assert (now.from_ms, now.to_ms, now.interval_ms) == (NOW_MS - 180_000, NOW_MS - 30_000, 2_000)
    assert past.to_ms == now.to_ms - DAY_MS
    assert widest(rule, {}, NOW_MS) == now
