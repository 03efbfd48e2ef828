"""After a pause of everything, or several, what is missing is told, and nothing else."""

from tests.dashboards.rules.watched import EVERY_S, fired, sent_but, trainium
from tests.dashboards.rules.world import Pool, some


def test_who_stops_again_and_again_is_told_what_is_missing(client):
    """A quarter of all samples, in pauses of which each alone would be a restart."""
    found = fired(client, 780, [Pool("virginia")], lambda t: (t < 200) | (t % 80 >= 20), step_s=5)

    assert found.keys() == {"coverage_lost"}


def test_a_fleet_that_is_missing_as_the_others_are_back_has_lost_its_coverage(client):
    """Told once a minute of its own has gone by for which all samples are there: the slowest are a minute long."""
    pools = [Pool("virginia"), Pool("iowa", silent=some(20, 240)), trainium()]

    found = fired(client, 780, pools, sent_but(240, 360))

    assert found.keys() == {"freshness_lost", "coverage_lost"}
    assert found["coverage_lost"] == list(range(found["coverage_lost"][0], 781, EVERY_S))
    assert 570 <= found["coverage_lost"][0] <= 630
