"""What nobody shall be woken by: a stack that begins, one that is started again, a fleet that is added."""

from tests.dashboards.rules.watched import fired, fleets, sent_but
from tests.dashboards.rules.world import Pool


def test_a_stack_that_begins_wakes_nobody(client):
    """Devices that tell means of a minute reach back to before the start, some of them more than others."""
    assert fired(client, 360, fleets(), sent_but(0, 40)) == {}


def test_a_stack_that_is_started_again_at_once_wakes_nobody(client):
    assert fired(client, 600, fleets(), sent_but(300, 345)) == {}


def test_a_fleet_that_is_added_wakes_nobody(client):
    """Host by host, within two minutes, as somebody installs its producers."""
    growing = Pool("iowa", silent=lambda t, chip: t < 200 + 5 * chip)

    assert fired(client, 510, [Pool("virginia"), growing], lambda t: t > 0) == {}
