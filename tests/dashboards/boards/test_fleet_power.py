"""Fleet power's panels on the real engine: the figures that they show are those of the rows that are stored."""

import math
import time

import pytest

from dashboards.boards import fleet_power
from tests.batches import batch
from tests.dashboards.asking import as_json, ask, query, view
from tests.dashboards.seeding import GPU, TPU, TRN, Window, budgets, inventory, windows

# In the past, so that no row is of the future; not so far that seconds would have expired.
T = int(time.time()) // 3600 * 3600 - 7200
BOARD = as_json(fleet_power.build())
ALL_OF_THEM = {GPU: (60_000, 100), TPU: (40_000, 100), TRN: (30_000, 50)}


def steady(group, ages, **values):
    """Return one window a second for the ages in seconds before `T`."""
    return [Window(T - age, group, **values) for age in ages]


def one(client, panel, of=None):
    rows = ask(client, BOARD, panel, of or view(T))
    assert len(rows) == 1
    return rows[0]


def now(client, *names, of=None):
    """Return figures of all chosen fleets, by name."""
    row = one(client, "All chosen fleets", of)
    return row[names[0]] if len(names) == 1 else {name: row[name] for name in names}


@pytest.fixture
def fleets(client):
    """GPUs at 50 kW, complete two seconds ago; TPUs at 20 kW of half the chips; Trainium complete a minute ago."""
    budgets(client, ALL_OF_THEM)
    windows(
        client,
        [
            *steady(GPU, range(2, 600), error_w=3.0, chip_w=500.0),
            *steady(GPU, [1], chips=30.0, error_w=3.0, chip_w=500.0),
            *steady(TPU, range(2, 600), chips=50.0, chip_w=200.0, error_w=10.0),
            *steady(TRN, range(61, 600), chips=50.0, chip_w=400.0, error_w=40.0, every_s=60.0),
            *steady(TRN, range(1, 61), chips=20.0, chip_w=400.0, error_w=40.0, every_s=60.0),
        ],
    )
    return client


def test_power_is_that_of_complete_seconds_corrected_for_missing_chips(fleets):
    """50 kW of GPUs, 10 kW of half the TPUs made 20, and 20 kW of Trainium, none of it a half second."""
    assert one(fleets, "All chosen fleets") == {
        "power_w": pytest.approx(90_000), "unbudgeted_w": 0, "error_w": pytest.approx(math.hypot(30, 500, 2000)),
        "budget_total_w": 130_000, "headroom_w": pytest.approx(40_000), "headroom": pytest.approx(40 / 130),
        "coverage": pytest.approx(0.8), "missing_chips": pytest.approx(50), "twice": 0, "newest_age_s": 1,
    }  # fmt: skip


def test_a_power_that_counts_chips_twice_says_so(client, stored):
    """One of two chips is reported by two hosts and the other not at all: the coverage is as it should be."""
    now_s = int(time.time())
    budgets(client, {GPU: (60_000, 2)})
    labels = {"site": GPU.site, "fleet": GPU.fleet, "ts": (now_s - 2) * 1000}
    stored(*[batch(host=host, chip="GPU-0", **labels) for host in "ab"], batch(fleet="serve", ts=labels["ts"]))
    of = view(now_s)

    assert now(client, "twice", of=of) == 1
    states = {row["fleet"]: row["state"] for row in ask(client, BOARD, "Fleets and platforms", of)}
    assert states == {GPU.fleet: "doubtful", "serve": "as planned"}


def test_chips_that_report_later_are_not_missing(client):
    """Of devices that tell means of a minute, host by host, the newest minute fills up by and by."""
    budgets(client, {TRN: (60_000, 100)})
    filling = [Window(T - age, TRN, chips=min(100.0, age * 100 / 60), every_s=60.0) for age in range(1, 170)]
    windows(client, filling)

    assert now(client, "coverage", "missing_chips") == {
        "coverage": pytest.approx(1.0, abs=0.02),
        "missing_chips": pytest.approx(0, abs=2),
    }
    assert now(client, "newest_age_s") in range(57, 60)


def test_chips_that_fell_silent_are_missing_after_some_seconds(client):
    """They are not waited for, though enough report."""
    budgets(client, {GPU: (60_000, 100)})
    windows(client, [*steady(GPU, range(20, 170)), *steady(GPU, range(2, 20), chips=92.0)])

    assert now(client, "coverage", "missing_chips") == {
        "coverage": pytest.approx(0.92),
        "missing_chips": pytest.approx(8),
    }
    assert now(client, "newest_age_s") == 6


def test_headroom_is_of_the_budgets_of_fleets_that_report(fleets):
    """A fleet of which nothing is known has no headroom that anybody could use."""
    assert now(fleets, "headroom_w", "headroom") == {
        "headroom_w": pytest.approx(40_000),
        "headroom": pytest.approx(40 / 130),
    }

    silent = {**ALL_OF_THEM, TPU.__class__("iowa", "reserve", "tpu", "tpu-v7", "model"): (1e6, 1000)}
    budgets(fleets, silent, loaded_at=1_700_000_100)
    assert now(fleets, "headroom_w") == pytest.approx(40_000)
    assert now(fleets, "budget_total_w") == pytest.approx(1_130_000)
    assert now(fleets, "coverage", "missing_chips") == {
        "coverage": pytest.approx(200 / 1250),
        "missing_chips": pytest.approx(1050),
    }


def test_coverage_counts_the_chips_that_report(fleets):
    """100 of 100, 50 of 100, and 50 of 50."""
    assert now(fleets, "coverage", "missing_chips") == {
        "coverage": pytest.approx(0.8),
        "missing_chips": pytest.approx(50),
    }


def test_errors_of_platforms_are_independent(fleets):
    """GPUs' sensors err on their own, 3 W x sqrt(100); a model errs alike on all of its chips."""
    assert now(fleets, "error_w") == pytest.approx(math.hypot(30, 500, 2000))


def test_table_says_how_old_how_measured_and_what_is_wrong(fleets):
    """Each fleet has its line, the one without data first."""
    rows = {row["platform"]: row for row in ask(fleets, BOARD, "Fleets and platforms", view(T))}

    assert rows["nvidia"] == {
        "site": "virginia", "fleet": "frontier", "platform": "nvidia", "power_w": pytest.approx(50_000),
        "error_w": pytest.approx(30), "budget_w": 60_000, "headroom": pytest.approx(1 / 6), "coverage": 1.0,
        "measured": 1.0, "age_s": 1, "state": "as planned",
    }  # fmt: skip
    assert (rows["tpu"]["state"], rows["tpu"]["measured"], rows["tpu"]["coverage"]) == ("chips missing", 0.0, 0.5)
    assert (rows["trainium"]["age_s"], rows["trainium"]["state"]) == (60, "as planned")


@pytest.mark.parametrize(("chip_w", "state"), [(601.0, "over budget"), (580.0, "headroom low"), (560.0, "as planned")])
def test_state_of_a_fleet_is_by_its_own_limits(client, chip_w, state):
    """Five percent of 60 kW is where headroom begins to be low."""
    budgets(client, {GPU: (60_000, 100)})
    windows(client, steady(GPU, range(2, 10), chip_w=chip_w))

    assert one(client, "Fleets and platforms")["state"] == state

    budgets(client, {GPU: (60_000, 100)}, loaded_at=1_700_000_100, headroom_share=0.0, coverage_share=0.5)
    assert one(client, "Fleets and platforms")["state"] == ("over budget" if chip_w > 600 else "as planned")


def test_a_silent_fleet_is_a_line_without_watts(client):
    """It stands first, and nothing is invented for it."""
    budgets(client, ALL_OF_THEM)
    windows(client, steady(GPU, range(2, 10)))
    rows = ask(client, BOARD, "Fleets and platforms", view(T))

    assert [row["state"] for row in rows] == ["silent", "silent", "as planned"]
    assert rows[0]["power_w"] is None
    assert rows[0]["age_s"] is None


def test_fleets_that_are_not_heard_of_any_more_are_not_as_planned(client):
    """Their last power still stands there, and nobody takes it for covered."""
    budgets(client, {GPU: (60_000, 100), TPU: (60_000, 100)})
    windows(client, [*steady(GPU, range(70, 170)), *steady(TPU, range(70, 170), every_s=60.0)])
    rows = ask(client, BOARD, "Fleets and platforms", view(T))

    assert {row["platform"]: row["state"] for row in rows} == {"nvidia": "not heard of", "tpu": "as planned"}
    assert now(client, "coverage", "missing_chips") == {
        "coverage": pytest.approx(0.5),
        "missing_chips": pytest.approx(100),
    }
    assert now(client, "newest_age_s") == 69


def test_a_fleet_without_a_budget_that_left_does_not_blank_the_others(client):
    """Its last power is drawn apart, and its chips are missing."""
    budgets(client, {GPU: (60_000, 100)})
    of_the_hour = Window(T // 3_600 * 3_600, TPU, resolution_s=3_600)
    windows(client, [*steady(GPU, range(2, 1_800)), *steady(TPU, range(1_200, 1_800)), of_the_hour])
    inventory(client, TPU, 100, T - 1_800, T - 1_200)
    rows = ask(client, BOARD, "Power against budget", view(T, 2_000))
    before = [row for row in rows if row["time"] < T - 1_200]
    after = [row for row in rows if row["time"] > T - 1_200]

    def shown(rows, *names):
        return {tuple(row[name] for name in names) for row in rows}

    assert shown(before, "power_w", "budgeted_w", "with_silent_w", "coverage") == {(100_000, 50_000, None, 1)}
    assert shown(after, "power_w", "budgeted_w", "with_silent_w", "coverage") == {(50_000, None, 100_000, 0.5)}
    assert shown(rows, "budget_w") == {(60_000,)}


def test_nothing_stored_shows_nothing(client):
    """Without data and without budgets every panel is empty, and none of them fails."""
    for panel in BOARD["panels"]:
        if panel.get("targets"):
            rows = ask(client, BOARD, panel["title"], view(T))
            assert not [value for row in rows for value in row.values() if value], panel["title"]


def test_line_has_its_band_and_ends_where_the_slowest_is_complete(fleets):
    """The band is one standard deviation to both sides; the last point is the newest second of Trainium."""
    rows = ask(fleets, BOARD, "Power against budget", view(T))
    last = max(row["time"] for row in rows)

    assert last == T - 61
    assert rows[-10]["power_w"] == pytest.approx(90_000)
    assert rows[-10]["high_w"] - rows[-10]["power_w"] == pytest.approx(math.hypot(30, 500, 2000))
    assert rows[-10]["power_w"] - rows[-10]["low_w"] == pytest.approx(math.hypot(30, 500, 2000))
    assert (rows[-10]["budget_w"], rows[-10]["coverage"]) == (130_000, pytest.approx(0.8))
    assert [row["time"] for row in rows] == sorted(row["time"] for row in rows)


def test_a_gap_of_a_fleet_is_a_gap_and_not_a_drop(client):
    """For a minute GPUs report nothing: a line of their own has what they had, and the coverage says why."""
    budgets(client, {GPU: (60_000, 100), TPU: (40_000, 100)})
    windows(client, [*steady(GPU, range(2, 200)), *steady(GPU, range(260, 400)), *steady(TPU, range(2, 400))])
    rows = ask(client, BOARD, "Power against budget", view(T))
    gap = [row for row in rows if T - 259 <= row["time"] <= T - 200]

    assert {(row["power_w"], row["with_silent_w"], row["coverage"]) for row in gap} == {(50_000, 100_000, 0.5)}
    others = {(row["power_w"], row["with_silent_w"], row["coverage"]) for row in rows if row not in gap}
    assert others == {(100_000, None, 1.0)}
    of_gpus = [row for row in ask(client, BOARD, "Power by fleet and platform", view(T)) if "nvidia" in row["series"]]
    assert {row["power_w"] for row in of_gpus if T - 259 <= row["time"] <= T - 200} == {None}


def test_a_fleet_that_is_added_raises_the_sum(client):
    """Before it was there, its chips were missing: it had a budget already."""
    budgets(client, {GPU: (60_000, 100), TPU: (40_000, 100)})
    windows(client, [*steady(GPU, range(2, 200)), *steady(TPU, range(2, 100))])
    rows = ask(client, BOARD, "Power against budget", view(T))

    before = {(row["power_w"], row["with_silent_w"], row["coverage"]) for row in rows if row["time"] < T - 99}
    assert before == {(50_000, None, 0.5)}
    assert {row["power_w"] for row in rows if row["time"] >= T - 99} == {100_000.0}


def test_what_a_first_sample_reaches_back_to_is_no_lower_load(client):
    """A device that reports means of a minute knows of the time before the others began: the coverage says so."""
    budgets(client, {GPU: (60_000, 100), TRN: (60_000, 100)})
    windows(client, [*steady(GPU, range(2, 200)), *steady(TRN, range(2, 260), every_s=60.0)])
    duration = ask(client, BOARD, "Load duration", view(T))
    rows = ask(client, BOARD, "Power against budget", view(T))

    assert {row["power_w"] for row in duration} == {100_000.0}
    assert {(row["power_w"], row["coverage"]) for row in rows} == {(50_000.0, 0.5), (100_000.0, 1.0)}


def test_lines_by_fleet_end_where_all_that_report_are_complete(fleets):
    """A stack that goes on without Trainium would show a drop of the load."""
    rows = ask(fleets, BOARD, "Power by fleet and platform", view(T))
    newest = {row["series"]: row["time"] for row in rows}

    assert newest["virginia / frontier / nvidia"] == T - 61
    assert newest["oregon / research / trainium"] == T - 61
    assert {round(row["power_w"]) for row in rows} == {50_000, 20_000}


def test_measured_and_modelled_power_are_apart(fleets):
    """Counters are measured; a model and a percentage are not."""
    row = ask(fleets, BOARD, "Measured and modelled power", view(T))[-10]

    assert (row["measured_w"], row["modelled_w"]) == (pytest.approx(50_000), pytest.approx(30_000))


def test_error_and_coverage_of_each_fleet(fleets):
    """They are of the fleet alone."""
    errors = {row["series"]: row["error_share"] for row in ask(fleets, BOARD, "Error of each fleet", view(T))}
    coverage = {row["series"]: row["coverage"] for row in ask(fleets, BOARD, "Coverage of each fleet", view(T))}

    assert errors["virginia / frontier / nvidia"] == pytest.approx(30 / 50_000)
    assert coverage["iowa / frontier / tpu"] == pytest.approx(0.5)


def test_energy_is_of_the_day_and_the_month_until_the_end_of_the_range(client):
    """An hour of another month, of yesterday, of today, and one after the range; and meters are no chips."""
    noon = 1_773_576_000  # 2026-03-15 12:00 UTC
    hours = (noon - 15 * 86_400, noon - 86_400, noon - 3600, noon + 3600)
    windows(client, [Window(hour, GPU, resolution_s=3600) for hour in hours])
    meter = GPU.__class__("virginia", "frontier", "nvidia", "host-meter", "meter")
    windows(client, [Window(noon - 3600, meter, resolution_s=3600)])
    of = view(noon)

    assert one(client, "Energy", of) == {"today_wh": pytest.approx(50_000), "month_wh": pytest.approx(100_000)}
    assert one(client, "Energy by fleet", of) == {
        "site": "virginia", "fleet": "frontier", "platform": "nvidia", "today_wh": pytest.approx(50_000),
        "month_wh": pytest.approx(100_000), "share": 1.0,
    }  # fmt: skip


def test_stranded_power_is_of_the_sum_and_not_the_sum_of_peaks(client):
    """Two fleets that peak by turns need far less together than their peaks: 150 W a pair of chips, not 200."""
    budgets(client, {GPU: (20_000, 100), TPU: (20_000, 100)})
    seconds = range(3, 803)
    hour = T // 3600 * 3600
    windows(
        client,
        [
            *(Window(hour, group, resolution_s=3600) for group in (GPU, TPU)),
            *(Window(T - age, GPU, chip_w=100.0 if age % 2 else 50.0) for age in seconds),
            *(Window(T - age, TPU, chip_w=50.0 if age % 2 else 100.0) for age in seconds),
        ],
    )

    assert one(client, "Stranded power") == {
        "p999_w": pytest.approx(15_000), "budget_w": 40_000, "stranded_w": pytest.approx(25_000),
        "stranded": pytest.approx(0.625),
    }  # fmt: skip
    alone = ask(client, BOARD, "Stranded power by fleet", view(T))
    assert [(row["p999_w"], row["stranded_w"]) for row in alone] == [(10_000, 10_000), (10_000, 10_000)]


def test_load_duration_falls_from_the_peak_to_what_is_always_drawn(client):
    """A thousand seconds at 1 to 1000 W: half of the time the load is at least 500 W."""
    budgets(client, {GPU: (60_000, 1)})
    windows(client, [Window(T - 2 - number, GPU, chips=1.0, chip_w=1.0 + number) for number in range(1000)])
    curve = {row["share_of_time"]: row["power_w"] for row in ask(client, BOARD, "Load duration", view(T, 1800))}

    assert (curve["peak"], curve["always"]) == (1000, 1)
    assert curve["50 %"] == pytest.approx(500, abs=1)
    assert curve["10 %"] == pytest.approx(900, abs=1)
    assert list(curve.values()) == sorted(curve.values(), reverse=True)


def test_variables_narrow_every_figure(fleets):
    """A site, a platform, or the fleets that have a model."""
    windows(fleets, [Window(T // 3600 * 3600, group, resolution_s=3600) for group in (GPU, TPU, TRN)])

    assert now(fleets, "power_w", of=view(T, site=["virginia"])) == pytest.approx(50_000)
    assert now(fleets, "power_w", of=view(T, platform=["tpu", "nvidia"])) == pytest.approx(70_000)
    assert now(fleets, "power_w", of=view(T, model=["trn2"])) == pytest.approx(20_000)
    assert now(fleets, "budget_total_w", of=view(T, model=["trn2"])) == pytest.approx(30_000)
    rows = ask(fleets, BOARD, "Power against budget", view(T, fleet=["research"]))
    assert {round(row["power_w"]) for row in rows} == {20_000}


def test_a_day_is_read_minute_by_minute(client):
    """Two points to a minute would be more than a panel draws; seconds stay unread."""
    budgets(client, {GPU: (60_000, 100)})
    minutes = [Window(T - 60 * number, GPU, resolution_s=60, chip_w=400.0) for number in range(2, 1440)]
    windows(client, [*minutes, *steady(GPU, range(2, 600), chip_w=500.0)])
    rows = ask(client, BOARD, "Power against budget", view(T, 86_400))

    assert len(rows) == pytest.approx(720, abs=2)
    assert {row["power_w"] for row in rows} == {40_000.0}
    assert now(client, "power_w", of=view(T, 86_400)) == pytest.approx(50_000)


def test_queries_ask_for_no_percentile():
    """Then the engine leaves the histograms unread, which is most of what these queries may cost."""
    assert not [panel["title"] for panel in BOARD["panels"] if "_chip_w" in str(panel.get("targets"))]
    assert "fleet_power_between" in query(BOARD, "Power against budget")
