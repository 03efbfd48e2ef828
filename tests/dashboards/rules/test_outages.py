"""Of an outage of everything one rule tells alone."""

from tests.dashboards.rules.watched import fired, fleets, sent_but
from tests.dashboards.rules.world import Pool, points, some


def test_of_an_outage_of_everything_freshness_tells_alone_and_while_it_lasts(client):
    """Nothing says that a fleet has lost its coverage, neither meanwhile nor as all is back."""
    found = fired(client, 900, fleets(), sent_but(240, 660))

    assert found.keys() == {"freshness_lost"}
    assert 270 <= found["freshness_lost"][0] <= 360
    assert 660 <= found["freshness_lost"][-1] <= 690


def test_coverage_that_was_lost_just_before_all_fell_silent_is_not_told_on_and_on(client):
    """Pending for a minute by then, it does not fire on what was known once."""
    pools = [Pool("virginia", silent=some(10, 200)), Pool("iowa")]

    assert fired(client, 600, pools, sent_but(330, 2_000)).keys() == {"freshness_lost"}


def test_a_slope_that_was_seen_does_not_go_on_where_nothing_is_heard_of_any_more(client):
    """The power rises for long enough that the rule is pending, and then everything falls silent."""
    pools = [Pool("rising", load=points((300, 0.65), (800, 0.92))), Pool("virginia")]

    assert fired(client, 780, pools, sent_but(480, 2_000)).keys() == {"freshness_lost"}
