"""The page in a real browser, over a real engine: what people see, and what their keyboards do."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser

from dashboards.page.boards import load
from dashboards.preview import Alert
from tests.dashboards.page.boards import UID, small
from tests.dashboards.page.browser import PHONE, Tab, tab
from tests.dashboards.page.conftest import running
from tests.engine import Engine


@pytest.fixture
def wide(browser: Browser, page: str, shots: Path) -> Iterator[Tab]:
    """Give a light tab on a wide screen, which must end without a complaint."""
    with tab(browser, page, shots) as one:
        yield one
        assert one.complaints == []


@pytest.fixture
def phone(browser: Browser, page: str, shots: Path) -> Iterator[Tab]:
    """Give a dark tab on a phone."""
    with tab(browser, page, shots, viewport=PHONE, color_scheme="dark", is_mobile=True, has_touch=True) as one:
        yield one
        assert one.complaints == []


def query(one: Tab) -> dict[str, list[str]]:
    return parse_qs(urlsplit(one.page.url).query)


def sites(one: Tab) -> list[str]:
    return one.page.locator("#panel-4 .name").all_inner_texts()


_CROWDED = """() => {
    const seen = [...document.querySelectorAll("#controls button, #controls select, #boards [aria-current]")]
        .filter(control => control.offsetParent).map(control => [control, control.getBoundingClientRect()]);
    const over = (one, other) => one !== other && one.left < other.right - 2 && other.left < one.right - 2
        && one.top < other.bottom - 2 && other.top < one.bottom - 2;
    const off = box => box.left < 0 || box.right > innerWidth;
    return seen.filter(([, box]) => off(box) || seen.some(([, other]) => over(box, other)))
        .map(([control]) => control.outerHTML);
}"""
"""Controls at the top that lie over each other, or not wholly on the screen."""


@pytest.mark.parametrize("uid", load())
def test_each_panel_of_a_dashboard_shows_data(wide: Tab, then: str, uid: str):
    wide.open(f"/d/{uid}?{then}&var-chip=hot/0")
    wide.whole()
    wide.shot(f"{uid}-wide-light")

    empty = {title: shown for title, shown in wide.panels().items() if shown["drawn"] != "yes" or shown["notice"]}
    assert sorted(empty) == []


@pytest.mark.parametrize("uid", load())
def test_a_dashboard_fits_a_phone(phone: Tab, then: str, uid: str):
    """One column, nothing to scroll sideways but tables; the figures come first."""
    phone.open(f"/d/{uid}?{then}")
    phone.shot(f"{uid}-phone-dark")

    assert phone.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert phone.page.evaluate(_CROWDED) == []
    assert phone.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(14, 17, 20)"


def test_the_address_alone_shows_the_first_dashboard(wide: Tab):
    wide.open("/")

    assert wide.page.locator("h1").inner_text() == "Fleet power"
    wide.page.wait_for_function("() => /W · Fleet power · Gigawatt$/.test(document.title)")


def test_panels_of_every_kind_are_drawn(wide: Tab):
    """A query that is wrong says so in its panel alone; one without rows says that."""
    wide.open(f"/d/{UID}")
    wide.whole()
    shown = wide.panels()
    wide.complaints.clear()

    assert "W" in shown["stat 1"]["text"]
    assert wide.page.locator("#panel-2 .plot path.js-line").count() == 4
    assert wide.page.locator("#panel-3 tbody tr").count() == 4
    assert sites(wide) == ["virginia", "iowa", "oregon", "belgium"]
    assert wide.page.locator("#panel-5 .plot image").count() == 1
    assert shown["text 6"]["text"] == "Of whom this is: <b>nobody</b>, all"
    assert "not_there" in shown["stat 7"]["notice"]
    assert shown["table 8"] == {"drawn": "empty", "notice": "", "text": "no data"}


def test_a_variable_changes_the_panels_and_the_address(wide: Tab):
    wide.open(f"/d/{UID}")
    before = wide.panels()
    wide.page.get_by_role("button", name="Site All").click()
    wide.page.get_by_label("iowa").check()
    wide.page.wait_for_function("() => document.querySelectorAll('#panel-4 .name').length === 1")
    wide.page.wait_for_function("() => document.querySelectorAll('#panel-2 .plot path.js-line').length === 1")

    assert query(wide)["var-site"] == ["iowa"]
    assert sites(wide) == ["iowa"]
    assert wide.panels()["stat 1"]["text"] != before["stat 1"]["text"]

    wide.page.go_back()
    wide.page.wait_for_function("() => document.querySelectorAll('#panel-4 .name').length === 4")


def test_an_address_says_what_is_looked_at(wide: Tab):
    wide.open(f"/d/{UID}/slug?var-site=iowa&var-site=oregon&var-top=1&from=now-5m&to=now&viewPanel=3")

    assert wide.page.locator("#panel-3 tbody tr").count() == 1
    assert wide.page.locator(".panel").count() == 1
    assert wide.page.locator("#time").inner_text() == "Last 5 minutes"
    assert wide.page.locator("[data-variable=site]").inner_text().split("\n") == ["Site", "iowa, oregon"]


def test_a_cell_leads_on_with_the_range_and_its_rows_value(wide: Tab):
    wide.open(f"/d/{UID}?from=now-5m&to=now")
    wide.page.locator("#panel-3").get_by_role("link", name="oregon").click()
    wide.page.wait_for_function("() => document.querySelectorAll('#panel-4 .name').length === 1")

    assert query(wide) == {"from": ["now-5m"], "to": ["now"], "var-site": ["oregon"]}


def test_what_would_fire_stands_above_the_dashboard(browser: Browser, seeded: Engine, shots: Path):
    """In one line, which opens to the list; each leads to its panel."""
    firing = Alert(
        "over", "Budget exceeded", "critical", "Alerting", True, {"site": "iowa"}, 1_790_000_000_000, 1.1, 4e6, "W",
        "iowa draws 4 MW", "docs/runbooks.md#over", UID, 1,
    )  # fmt: skip
    pending = replace(firing, title="Coverage lost", state="Pending", firing=False)
    over = replace(firing, title="Power dropped", state="Recovering")
    with (
        running(seeded.url, found={UID: small()}, alerts=lambda: ([firing, over, pending], 0.0)) as address,
        tab(browser, address, shots) as one,
    ):
        one.open(f"/d/{UID}")
        bar = one.page.locator("#alerts")
        bar.wait_for(state="visible")
        assert "1 alert would fire · 1 recovering · 1 pending" in bar.inner_text()
        assert bar.get_attribute("class") == "critical"
        bar.locator("summary").click()
        assert "iowa draws 4 MW" in bar.inner_text()
        one.shot("alerts")
        bar.get_by_role("link", name="Budget exceeded").click()
        one.page.wait_for_function("() => document.querySelectorAll('.panel').length === 1")


def test_dragging_over_a_chart_zooms_and_back_returns(wide: Tab):
    wide.open(f"/d/{UID}")
    box = wide.page.locator("#panel-2 .chart").bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    wide.page.mouse.move(box["x"] + box["width"] * 0.5, y)
    wide.page.mouse.down()
    wide.page.mouse.move(box["x"] + box["width"] * 0.8, y, steps=4)
    wide.page.mouse.up()
    wide.page.wait_for_function("() => location.search.includes('from=')")
    zoomed = query(wide)

    assert 120_000 < int(zoomed["to"][0]) - int(zoomed["from"][0]) < 600_000
    wide.page.go_back()
    wide.page.wait_for_function("() => document.querySelector('#time').innerText === 'Last 15 minutes'")


def test_the_pointer_shows_the_values_of_a_moment_on_all_charts(wide: Tab):
    wide.open(f"/d/{UID}")
    box = wide.page.locator("#panel-2 .chart").bounding_box()
    assert box is not None
    wide.page.mouse.move(box["x"] + box["width"] * 0.85, box["y"] + box["height"] / 2)

    assert "virginia" in wide.page.locator(".tip").inner_text()
    assert "W" in wide.page.locator(".tip").inner_text()
    assert wide.page.locator(".cursor:visible").count() == 2


def test_a_table_is_sorted_by_a_click_on_a_name(wide: Tab):
    wide.open(f"/d/{UID}")
    wide.page.locator("#panel-3").get_by_role("button", name="site").click()

    assert wide.page.locator("#panel-3 tbody td:first-child").all_inner_texts() == sorted(sites(wide))
    assert wide.page.locator("#panel-3 th[aria-sort=ascending]").inner_text().startswith("site")


def test_a_legend_shows_one_line_alone(wide: Tab):
    wide.open(f"/d/{UID}")
    wide.page.locator("#panel-2").get_by_role("button", name="iowa").click()
    wide.page.wait_for_function("() => document.querySelectorAll('#panel-2 .plot path.js-line').length === 1")
    wide.page.locator("#panel-2").get_by_role("button", name="iowa").click()
    wide.page.wait_for_function("() => document.querySelectorAll('#panel-2 .plot path.js-line').length === 4")


def test_all_of_it_goes_by_keyboard(wide: Tab):
    """The skip link first; t, arrows and Enter choose a range; ? tells; a chart reads out its values."""
    page = wide.page
    wide.open(f"/d/{UID}")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the dashboard"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "board"

    page.keyboard.press("t")
    assert page.evaluate("document.activeElement.textContent") == "Last 15 minutes"
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelector('#time').innerText === 'Last 5 minutes'")
    assert query(wide)["from"] == ["now-5m"]

    page.keyboard.press("?")
    page.locator("dialog.help").wait_for(state="visible")
    page.keyboard.press("Escape")
    page.locator("dialog.help").wait_for(state="detached")

    page.locator("#panel-2 .chart").focus()
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    assert "virginia" in page.locator("#panel-2 [aria-live]").inner_text()

    page.keyboard.press("d")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.keyboard.press("d")


def test_every_control_has_a_name(wide: Tab):
    wide.open(f"/d/{UID}")
    nameless = wide.page.evaluate(
        """() => [...document.querySelectorAll("button, a[href], input, select")].filter(control =>
            control.offsetParent && !control.textContent.trim() && !control.getAttribute("aria-label")
            && !control.labels?.length).map(control => control.outerHTML)"""
    )

    assert nameless == []


def test_only_panels_in_view_ask(wide: Tab):
    asked: list[int] = []
    wide.page.on(
        "request", lambda sent: sent.url.endswith("/api/query") and asked.append(sent.post_data_json.get("panel"))
    )
    wide.page.set_viewport_size({"width": 1440, "height": 200})
    wide.open(f"/d/{UID}")
    assert set(filter(None, asked)) == {1, 2, 3}

    asked.clear()
    wide.page.locator("#panel-8").scroll_into_view_if_needed()
    wide.until_drawn()
    wide.page.wait_for_function("() => document.querySelector('#panel-8').dataset.drawn")
    assert 8 in asked
    wide.complaints.clear()


def test_what_was_drawn_stays_when_the_page_is_cut_off(wide: Tab):
    """It says so at the top, and goes on by itself."""
    wide.open(f"/d/{UID}")
    before = wide.panels()["bargauge 4"]["text"]
    wide.page.context.set_offline(True)
    wide.page.keyboard.press("r")
    wide.page.locator("#trouble").wait_for(state="visible")
    assert wide.panels()["bargauge 4"]["text"] == before
    assert "Not new since" in wide.panels()["bargauge 4"]["notice"]

    wide.page.context.set_offline(False)
    wide.page.locator("#trouble").wait_for(state="hidden")
    wide.page.wait_for_function("() => document.querySelector('#panel-4 .notice').hidden")
    wide.complaints.clear()  # the browser's own, of requests that failed


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (3_813_000, "watt", "3.81 MW"),
        (999_960, "watt", "1.00 MW"),
        (-70_070, "watt", "\u221270.1 kW"),
        (0, "watt", "0 W"),
        (52, "si:W/s", "52 W/s"),
        (1_500_000, "watth", "1.50 MWh"),
        (0.974, "percentunit", "97.4%"),
        (61.25, "celsius", "61.3 °C"),
        (4984, "none", "4,984"),
        (12_345, "short", "12.3 K"),
        (0.25, "s", "250 ms"),
        (90, "s", "1.50 min"),
        (0.1, "hertz", "100 mHz"),
        (2_000_000_000, "decbytes", "2.00 GB"),
        (1_790_000_000_000, "dateTimeAsIso", "2026-09-21 14:13:20"),
        ("a / b", "string", "a / b"),
    ],
)
def test_units_are_written_as_grafana_does(modules: Any, value: Any, unit: str, text: str):
    assert modules("format.js", f"m.format({value!r}, {unit!r}).text").replace("\u202f", " ") == text


@pytest.mark.parametrize(
    ("text", "is_end", "expected"),
    [
        ("now-6h", False, "2026-11-24T04:31:05.000Z"),
        ("now/d", False, "2026-11-24T00:00:00.000Z"),
        ("now/d", True, "2026-11-24T23:59:59.999Z"),
        ("now-1M/M", False, "2026-10-01T00:00:00.000Z"),
        ("1790000000000", False, "2026-09-21T14:13:20.000Z"),
        ("2026-11-24 10:30", False, "2026-11-24T10:30:00.000Z"),
        ("2026-11-24", False, "2026-11-24T00:00:00.000Z"),
    ],
)
def test_times_are_read_as_grafana_does(modules: Any, text: str, is_end: bool, expected: str):
    now = "Date.parse('2026-11-24T10:31:05Z')"
    assert modules("time.js", f"new Date(m.parse({text!r}, {now}, {str(is_end).lower()})).toISOString()") == expected


@pytest.fixture(scope="module")
def modules(browser: Browser, page: str, shots: Path) -> Iterator[Any]:
    """Give a way to call what a module of the page exports."""
    with tab(browser, page, shots) as one:
        one.open(f"/d/{UID}")
        yield lambda module, call: one.page.evaluate(f"import('/static/{module}').then(m => {call})")


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        ("DateTime('UTC')", "1790000000", {"type": "time", "values": [1_790_000_000_000]}),
        ("SimpleAggregateFunction(min, DateTime64(3, 'UTC'))", "1.500", {"type": "time", "values": [1_500]}),
        ("Nullable(DateTime)", None, {"type": "time", "values": [None]}),
        ("LowCardinality(Nullable(String))", "a", {"type": "string", "values": ["a"]}),
        ("Nullable(Decimal(9, 2))", 1.25, {"type": "number", "values": [1.25]}),
        ("Array(UInt8)", [1, 2], {"type": "string", "values": ["[1,2]"]}),
        ("Bool", True, {"type": "boolean", "values": [True]}),
    ],
)
def test_clickhouses_types_are_times_numbers_and_texts(modules: Any, kind: str, given: Any, expected: Any):
    frame = {"format": 1, "data": {"meta": [{"name": "x", "type": kind}], "data": {"x": [given]}}}
    assert modules("frames.js", f"m.fields({json.dumps(frame)})") == [{"name": "x", **expected}]
