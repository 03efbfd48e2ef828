"""Of an outage of everything one rule tells alone."""

from dashboards.evaluate import State
from tests.dashboards.rules.watched import fleets, sent_but, watched
from tests.dashboards.rules.world import Pool, points, some


def test_of_an_outage_of_everything_freshness_tells_alone_and_while_it_lasts(client):
    """Nothing says that a fleet has lost its coverage, neither meanwhile nor as all is back.

    Nor does what was known once go on: a coverage that is lost and a slope that is steep just before all falls silent,
    each for so long that its rule is pending.
    """
    lossy = Pool("ohio", silent=some(10, 200, 700))
    rising = Pool("oslo", load=points((150, 0.65), (330, 0.747)))

    found = watched(client, 990, [*fleets(), lossy, rising], sent_but(330, 750))

    for rule in ("coverage_lost", "budget_rising"):
        assert max(found[State.PENDING][rule]) in range(300, 391), rule
    assert found[State.ALERTING].keys() == {"freshness_lost"}
    firing = found[State.ALERTING]["freshness_lost"]
    assert 360 <= firing[0] <= 450
    assert 750 <= firing[-1] <= 780
