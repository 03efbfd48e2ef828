"""A day of 100,000 chips is drawn from sums: little is sent for it, and it takes as long as little does."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Response

from dashboards.page.boards import load
from schema.clickhouse import connect
from tests import engine as engines
from tests.dashboards.page.browser import Tab, tab
from tests.dashboards.page.conftest import running
from tests.dashboards.page.seeding import Seeded, a_day_before

CHIPS = 100_000
GOAL_S = 2.0
"""For all panels, on a machine that has nothing else to do; -s shows what it takes here."""
LONGEST_S = 20 * GOAL_S
"""On any machine: a panel that is drawn from single samples has no answer at all by then."""
MOST_BYTES = 4_000_000
"""Of all answers that are drawn: what a screen can show, however many chips there are."""

_CHOOSE = """async () => {
    const panels = [...document.querySelectorAll(".panel")].filter(panel => panel.offsetParent);
    for (const panel of panels) delete panel.dataset.drawn;
    document.querySelector("#time").click();
    const items = [...document.querySelectorAll(".items button")];
    const began = performance.now();
    items.find(item => item.textContent === "Last 24 hours").click();
    while (!panels.every(panel => panel.dataset.drawn)) await new Promise(again => setTimeout(again, 5));
    await new Promise(painted => requestAnimationFrame(() => requestAnimationFrame(painted)));
    return (performance.now() - began) / 1000;
}"""


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give a page over sums of a whole day, and over the single samples of the last seconds."""
    engine = engines.start(tmp_path_factory.mktemp("day"))
    client = engine.migrated_client()
    now_s = int(time.time()) // 60 * 60
    Seeded(lambda: connect(engine.url), chips=CHIPS, cadence_s=60).play(now_s - 240, now_s)
    a_day_before(client, now_s - 240)
    Seeded(lambda: connect(engine.url), chips=CHIPS).play(now_s, now_s + 10, seconds_a_commit=1)
    client.close()
    with running(engine.url.replace("http://", "http://grafana@")) as address:
        yield address
    engines.stop(engine)


def asking() -> list[str]:
    """List the boards that ask for anything: the runbooks are words alone."""
    return [uid for uid, board in load().items() if any(map(board.panel_statements, board.panels))]


@pytest.mark.parametrize("uid", asking())
def test_a_day_is_drawn_from_little(browser: Browser, day: str, shots: Path, uid: str):
    """All panels, from the click on the range to the last one's pixels."""
    with tab(browser, day, shots) as one:
        one.open(f"/d/{uid}")
        one.whole()
        answers: list[Response] = []
        one.page.on("response", lambda one: one.url.endswith("/api/query") and answers.append(one))
        taken_s = _chosen(one)
        # Of each panel the newest: on a busy machine a refresh comes in between.
        sizes = list({answer.request.post_data_json.get("panel"): len(answer.body()) for answer in answers}.values())
        one.shot(f"{uid}-day")

    print(f"{uid}: a day in {taken_s:.2f} s, {sum(sizes):,} bytes")  # noqa: T201  figures to be read with -s
    assert sizes
    assert sum(sizes) < MOST_BYTES
    assert taken_s < LONGEST_S


def _chosen(one: Tab) -> float:
    return one.page.evaluate(_CHOOSE)
