"""What the page answers about alerts while the store hangs."""

import asyncio
import threading

import pytest

from dashboards.page.alerts import NewestAlerts
from dashboards.preview import Alert

ALERT = Alert("x", "X", "critical", "Alerting", True, {}, 0, 1.0, None, "W", "too much", "docs#x", "small", 1)


def test_while_the_store_hangs_the_last_evaluation_is_told_with_its_age():
    """Nobody waits for what is running, and it is not begun a second time."""
    at_s = [100.0]
    hang, begun = threading.Event(), []

    def read():
        begun.append(at_s[0])
        if len(begun) > 1:
            hang.wait()
        return [ALERT]

    async def asked():
        alerts = NewestAlerts(read, elapsed=lambda: at_s[0])
        while (first := await alerts.answer(wait_s=0.1))["age_s"] is None:
            pass
        at_s[0] = 160.0
        second, third = await alerts.answer(wait_s=0.1), await alerts.answer(wait_s=0.1)
        hang.set()
        return first, second, third

    first, second, third = asyncio.run(asked())

    assert (first["age_s"], second["age_s"], third["age_s"]) == (0.0, 60.0, 60.0)
    assert first["alerts"] == second["alerts"] == [ALERT.as_json()]
    assert len(begun) == 2


def test_before_the_first_evaluation_is_done_nothing_is_known():
    hang = threading.Event()

    async def asked():
        answer = await NewestAlerts(lambda: hang.wait() and []).answer(wait_s=0.01)
        hang.set()
        return answer

    assert asyncio.run(asked()) == {"alerts": [], "alerts_left_out": 0, "age_s": None}


def test_what_is_wrong_with_an_evaluation_is_raised():
    def read():
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        asyncio.run(NewestAlerts(read).answer(wait_s=60))
