import dataclasses
import io

import pytest
from rich.console import Console

from dashboards.live.rows import (
    Doubtful,
)
from dashboards.live.summary import Rest, summarize
from dashboards.live.terminal import energy, known_by, one_line, seconds, show, sparkline, watts
from tests.dashboards.live.test_summary import GPU, NOW, rows, second


def printed(summary, *, width=160, height=40):
    console = Console(width=width, height=height, file=io.StringIO(), color_system=None)
    with console.capture() as captured:
        console.print(show(summary, width=width, height=height))
    return captured.get()


def test_table_has_a_line_for_each_fleet():
    """Power, budget, headroom and coverage stand beside each name; a silent fleet says so."""
    text = printed(summarize(rows(gpu=second(NOW - 2, 99))))
    gpu, trn = (next(line for line in text.splitlines() if name in line) for name in ("nvidia", "trainium"))

    assert [*gpu.split()][5:9] == ["100.00", "kW", "30", "W"]
    assert "+17%" in gpu
    assert "99% of 100" in gpu
    assert "silent" in trn
    assert "60.00 kW" in trn


@pytest.mark.parametrize("width", [60, 80, 100, 110, 130, 160])
def test_no_figure_is_cut(width):
    """Columns for which there is no room are left out whole; those that matter most stay, a line each."""
    text = printed(summarize(rows(gpu=second(NOW - 2, 99))), width=width)
    (gpu,) = (line for line in text.splitlines() if "virginia" in line and "nvidia" in line)

    assert "…" not in text
    assert "100.00 kW" in gpu
    assert "99% of 100" in gpu
    assert ("10 min" in text) == (width >= 130)


@pytest.mark.parametrize("width", [60, 80, 160])
def test_what_is_known_of_minutes_ago_does_not_look_like_now(width):
    """The last power stands there with its age, on a narrow screen too, and no chip reports."""
    summary = summarize(rows(gpu=second(NOW - 130, 100), unheard=[GPU]))
    text = printed(summary, width=width)
    (gpu,) = (line for line in text.splitlines() if "virginia" in line and "nvidia" in line)

    assert text.startswith("last known, 2 min ago: 100.00 kW ± 30 W")
    assert "0 of 200 chips report" in text
    assert "1 fleet old · 1 fleet silent" in text
    assert "0% of 100" in gpu
    assert "2 min" in gpu
    assert one_line(summary).startswith("last known, 2 min ago: 100.00 kW ± 30 W of 180.00 kW, 0 of 200 chips")


@pytest.mark.parametrize("width", [60, 80, 160])
def test_a_fleet_that_counts_chips_twice_is_marked(width):
    """In its line, on a narrow screen too, with who reports them below the table, and in the sum."""
    twice = Doubtful(3, ["a-0", "b-0"], ["counter", "sensor"])
    summary = summarize(dataclasses.replace(rows(gpu=second(NOW - 2, 103)), doubtful={GPU: twice}))
    text = printed(summary, width=width)
    (gpu,) = (line for line in text.splitlines() if line.startswith("virginia"))

    assert "3 twice of 100" in gpu
    assert "103 of 200 chips report · doubtful: 3 chips reported twice" in text
    assert "doubtful: virginia / frontier / nvidia: 3 chips" in text
    assert "doubtful: 3 chips reported twice" in one_line(summary)
    if width > 100:
        assert text.splitlines()[-1] == (
            "doubtful: virginia / frontier / nvidia: 3 chips reported twice, by a-0, b-0 (counter, sensor)"
        )


def test_doubtful_fleets_are_few_lines():
    """Those with most chips; the table has less room by as much."""
    shown = summarize(rows(gpu=second(NOW - 2, 100)))
    many = [
        dataclasses.replace(line, site=f"site {number}", doubtful=Doubtful(number, ["a"], []))
        for number in range(1, 20)
        for line in shown.lines
    ]
    text = printed(dataclasses.replace(shown, lines=many), height=24).splitlines()

    assert len(text) <= 24
    assert [line.split(",")[0] for line in text[-4:-2]] == [
        f"doubtful: site 19 / frontier / {platform}: 19 chips reported twice" for platform in ("trainium", "nvidia")
    ]
    assert text[-1] == "doubtful: 35 more"


def test_no_power_is_made_up_where_none_is_known():
    text = printed(summarize(rows()))

    assert text.startswith("–  of 180.00 kW")  # noqa: RUF001 - the dash of tables
    assert "0 of 200 chips report" in text
    assert "2 fleets silent" in text


def test_table_stays_within_the_screen():
    """Where not all lines fit, those near their budgets and the largest are shown and the others counted."""
    shown = summarize(rows(gpu=second(NOW - 2, 100), trn=second(NOW - 60, 50)))
    many = [dataclasses.replace(line, site=f"site {number}") for number in range(20) for line in shown.lines]
    full = dataclasses.replace(shown, lines=many)

    assert "and 1 more: 100.00 kW, 100 chips" in printed(shown, height=9)
    assert len(printed(full, height=24).splitlines()) <= 24


def test_a_small_fleet_that_is_near_its_budget_has_a_line():
    """However large the others are that have room: on 80 by 24 it was among the ones that are left out."""
    shown = summarize(rows(gpu=second(NOW - 2, 100)))
    (gpu,) = (line for line in shown.lines if line.platform == "nvidia")
    large = [dataclasses.replace(gpu, site=f"large {number}", budget_w=1e6, headroom_w=4e5) for number in range(40)]
    small = dataclasses.replace(
        gpu, site="small", budget_w=1e3, headroom_w=20.0, second=dataclasses.replace(gpu.second, power_w=1.0)
    )
    text = printed(dataclasses.replace(shown, lines=[*large, small]), height=24, width=80)

    assert "small / frontier / nvidia" in text
    assert len(text.splitlines()) <= 24


def test_fleets_without_a_line_are_counted_with_their_sums():
    summary = summarize(rows(gpu=second(NOW - 2, 100)))
    text = printed(dataclasses.replace(summary, rest=Rest(9_800, 2e6, 9_700.0, 9_800.0, 0.0)))

    assert "and 9,800 more: 2.00 MW, 9,700 chips" in text


def test_one_line_for_logs():
    """The same summary is one plain line."""
    text = one_line(summarize(rows(gpu=second(NOW - 2, 100))))

    assert "\n" not in text
    assert text.startswith("100.00 kW ± 30 W of 180.00 kW, 100 of 200 chips · 1 fleet silent, busy 50%; 100 samples/s")


def test_many_reasons_are_counted():
    """The reasons that stand for most rejected rows are named, the others counted."""
    refused = {"bad_power": 3, "bad_time": 2, "too_late": 1, "bad_value": 1}
    text = one_line(dataclasses.replace(summarize(rows()), refused_rows=refused))

    assert text.endswith("rejected in 1 h: 3 bad_power, 2 bad_time, 2 more")


def test_sparkline_spans_low_to_high():
    """The lowest and highest blocks are the lowest and highest values; what is unknown is blank."""
    assert sparkline([1.0, 2.0, None, 8.0], 4) == "▁▂ █"
    assert sparkline([None, None], 2) == "  "


def test_noise_is_no_swing():
    """A range of less than two percent stays at the top of the line."""
    assert set(sparkline([100.0, 99.9, 100.0, 99.95], 4)) == {"█"}


def test_figures_have_the_unit_that_fits():
    """Watts, energy and time are short to read."""
    assert [watts(value) for value in (None, 12.3, 1.2e6, 1.07e9)] == ["–", "12 W", "1.20 MW", "1.07 GW"]  # noqa: RUF001 - the dash of tables
    assert energy(3.6e9) == "1.00 MWh"
    assert (seconds(1.24), seconds(600)) == ("1.2 s", "10 min")
    assert known_by({"model": 0.25, "counter": 0.75}) == "counter 75%, model 25%"
