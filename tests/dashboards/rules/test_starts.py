"""What nobody shall be woken by: a stack that begins, one that is started again, a fleet that is added."""

from tests.dashboards.rules.watched import fired, fleets
from tests.dashboards.rules.world import Pool


def test_what_begins_and_who_starts_again_wakes_nobody(client):
    """Everything begins at second 40, is started again at 300, and at 380 a fleet is added.

    Devices that tell means of a minute reach back to before the start, some of them more than others. The fleet is
    added host by host, within two minutes, as somebody installs its producers.
    """
    added = Pool("ohio", silent=lambda t, chip: t < 380 + 5 * chip)

    found = fired(client, 690, [*fleets(), added], lambda t: (t >= 40) & ((t < 300) | (t >= 345)))

    assert found == {}, "the seconds at which rules fire"
