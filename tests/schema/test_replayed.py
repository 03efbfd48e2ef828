"""What was old when it was sent, such as a recording that is played again, alerts nobody and is missed by nobody."""

import time

from dashboards.preview import Preview
from dashboards.rule import load_rules
from tests.dashboards.rules.world import asks
from tests.schema.test_forget import HOUR_S, expected, sample


def now_ms() -> int:
    return int(time.time() * 1000)


def expected_then(client, ago_s: int, fleet: str = "trial") -> int:
    """Return how many chips were expected so long ago."""
    sql = "SELECT sum(chips_expected) FROM capacity_at(at = now() - {ago_s:UInt32}) WHERE fleet = {fleet:String}"
    return int(client.query(sql, parameters={"fleet": fleet, "ago_s": ago_s}).result_rows[0][0])


def alerts(client) -> list[str]:
    """Return what any rule of fleets has to say, when all that is stored by now counts."""
    rules = [rule for rule in load_rules() if rule.name != "freshness_lost"]  # nothing is stored any more
    return sorted(str(alert) for alert in Preview(asks(client), rules).evaluate(now_ms() + 60_000))


def test_a_recording_alone_alerts_nobody(client, stored):
    """It was expected then, and is not now."""
    played = [sample(ago_s, interval_ms=10_000) for ago_s in range(5 * HOUR_S + 60, 5 * HOUR_S, -10)]
    stored(*played, appended_ms=now_ms())

    assert (expected_then(client, 5 * HOUR_S + 20), expected(client, "trial")) == (3, 0)
    assert alerts(client) == []


def test_chips_that_were_heard_live_are_expected_for_a_day_whatever_is_sent_late(client, stored):
    """Half an hour of silence of one that reported is no recording."""
    stored(sample(2 * HOUR_S))
    stored(sample(1.5 * HOUR_S), appended_ms=now_ms())

    assert expected(client, "trial") == 3


def test_live_fleets_are_told_of_beside_a_recording(client, stored):
    for ago_s in range(1500, 600, -60):
        stored(sample(ago_s, interval_ms=60_000))
    for ago_s in range(1500, 0, -60):
        stored(sample(ago_s, "kept", interval_ms=60_000))
    stored(sample(5 * HOUR_S, "played"), appended_ms=now_ms())

    found = [str(alert) for alert in Preview(asks(client)).evaluate(now_ms())]
    assert any("trial" in alert for alert in found)
    assert not any("played" in alert for alert in found)
