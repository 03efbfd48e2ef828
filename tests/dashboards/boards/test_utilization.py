"""Utilization's panels on the real engine."""

import time

import pytest

from dashboards.boards import utilization
from tests.dashboards.asking import as_json, ask, view
from tests.dashboards.seeding import GPU, TPU, TRN, Sample, Window, budgets, samples, windows

T = int(time.time()) // 3600 * 3600 - 7200
BOARD = as_json(utilization.build())
TPU_V6 = TPU.__class__("iowa", "frontier", "tpu", "tpu-v6e", "model")


def one(client, panel, of=None):
    rows = ask(client, BOARD, panel, of or view(T))
    assert len(rows) == 1
    return rows[0]


@pytest.fixture
def fleets(client):
    """100 GPUs at 500 W, busy for 80 %, 10 of them idle at 100 W; 100 TPUs at 200 W, of which tensor is unknown."""
    budgets(client, {GPU: (60_000, 100), TPU: (40_000, 100)})
    busy = {"busy": 0.8, "tensor": 0.4, "idle_chips": 10.0, "idle_chip_w": 100.0}
    windows(
        client,
        [
            *(Window(T - age, GPU, **busy) for age in range(2, 300)),
            *(Window(T - age, TPU, chip_w=200.0, busy=0.5) for age in range(2, 300)),
        ],
    )
    return client


def test_busy_and_tensor_are_means_over_the_chips_that_say_it(fleets):
    """80 % of a hundred and 50 % of another hundred are busy; only the first say what their matrix units do."""
    assert one(fleets, "Busy and tensor") == {"busy": pytest.approx(0.65), "tensor": pytest.approx(0.4)}


def test_lines_are_side_by_side_and_no_fleet_has_a_line_of_nothing(fleets):
    """A fleet that does not report it is not at 0 %."""
    busy = {row["series"]: row["busy"] for row in ask(fleets, BOARD, "Busy", view(T))}
    tensor = {row["series"]: row["tensor"] for row in ask(fleets, BOARD, "Tensor", view(T))}

    assert busy == {"virginia / frontier / nvidia": pytest.approx(0.8), "iowa / frontier / tpu": pytest.approx(0.5)}
    assert tensor == {"virginia / frontier / nvidia": pytest.approx(0.4)}


def test_watts_for_each_busy_chip_include_the_idle_ones(client):
    """50 kW keep 80 chips busy; the chips that do not say how busy they are count on neither side."""
    windows(client, [Window(T - age, GPU, busy=0.8) for age in range(2, 100)])
    assert one(client, "Power for each busy chip", view(T)) == {"busy_chip_w": pytest.approx(625)}

    windows(client, [Window(T - age, GPU) for age in range(2, 100)])
    assert one(client, "Power for each busy chip", view(T)) == {"busy_chip_w": pytest.approx(625)}


def test_idle_chips_burn_what_they_draw(fleets):
    """Ten GPUs at 100 W of 70 kW; the line is that of the fleet alone."""
    assert one(fleets, "Used by idle chips") == {
        "idle_w": pytest.approx(1000), "idle_share": pytest.approx(1000 / 70_000), "idle_chips": pytest.approx(10)
    }  # fmt: skip
    watts = {row["series"]: row["idle_w"] for row in ask(fleets, BOARD, "Power of idle chips", view(T))}
    shares = {row["series"]: row["idle_share"] for row in ask(fleets, BOARD, "Idle share of the power", view(T))}

    assert watts == {"virginia / frontier / nvidia": pytest.approx(1000), "iowa / frontier / tpu": 0}
    assert shares["virginia / frontier / nvidia"] == pytest.approx(0.02)


def test_efficiency_is_busy_time_for_energy(fleets):
    """80 busy chips on 50 kW are 1.6 chip-hours per kWh; at 40 % of their peak, 0.8."""
    hours = {row["series"]: row["chip_hours_per_kwh"] for row in ask(fleets, BOARD, "Busy chip-hours per kWh", view(T))}
    tensor = {
        row["series"]: row["chip_hours_per_kwh"] for row in ask(fleets, BOARD, "Tensor chip-hours per kWh", view(T))
    }

    assert hours == {"virginia / frontier / nvidia": pytest.approx(1.6), "iowa / frontier / tpu": pytest.approx(2.5)}
    assert tensor == {"virginia / frontier / nvidia": pytest.approx(0.8)}


def test_table_has_a_line_for_each_model(fleets):
    """Its figures are of the range, and a chosen model leaves the others out."""
    windows(fleets, [Window(T - age, TPU_V6, chip_w=100.0, chips=10.0, busy=1.0) for age in range(2, 300)])
    rows = ask(fleets, BOARD, "Fleets and models", view(T))
    gpu = rows[0]

    assert [row["model"] for row in rows] == ["h100-sxm", "tpu-v7", "tpu-v6e"]
    assert (gpu["chip_w"], gpu["busy_chip_w"]) == (pytest.approx(500), pytest.approx(625))
    assert (gpu["energy_wh"], gpu["idle_wh"]) == (pytest.approx(298 * 50_000 / 3600), pytest.approx(298 * 1000 / 3600))
    assert gpu["idle_share"] == pytest.approx(0.02)
    assert [row["model"] for row in ask(fleets, BOARD, "Fleets and models", view(T, model=["tpu-v6e"]))] == ["tpu-v6e"]
    assert one(fleets, "Busy and tensor", view(T, model=["tpu-v6e"]))["busy"] == 1.0


def test_meters_are_no_chips(fleets):
    """A host's meter stands in the same sums and draws more than all of its chips."""
    meter = GPU.__class__("virginia", "frontier", "nvidia", "host-meter", "meter")
    windows(fleets, [Window(T - age, meter, chips=1.0, chip_w=99_000.0) for age in range(2, 300)])

    assert [row["model"] for row in ask(fleets, BOARD, "Fleets and models", view(T))] == ["h100-sxm", "tpu-v7"]
    assert one(fleets, "Power for each busy chip")["busy_chip_w"] == pytest.approx(70_000 / 130)


@pytest.fixture
def jobs(client):
    """Two GPUs, sampled each second, one of them in a job; Trainium devices that tell once a minute, two in a job."""
    budgets(client, {GPU: (60_000, 2), TRN: (40_000, 60)})
    windows(
        client,
        [
            *(Window(T - age, GPU, chips=2.0, chip_w=500.0) for age in range(3, 300)),
            *(Window(T - age, TRN, chips=60.0, chip_w=400.0, every_s=60.0) for age in range(63, 300)),
        ],
    )
    ends = [(T - age) * 1000 + 300 for age in range(2, 20)]
    samples(
        client,
        [
            *(Sample(end, GPU, "gpu-0", "base-model", power_w=700.0, busy=1.0) for end in ends),
            *(Sample(end, GPU, "gpu-1", power_w=300.0, busy=0.2) for end in ends),
            *(Sample((T - 70 + n) * 1000, TRN, f"trn-{n}", "vision", 400.0, 0.5, 60_000) for n in range(2)),
            *(Sample((T - 130 + n) * 1000, TRN, f"trn-{n}", "vision", 390.0, 0.5, 60_000) for n in range(2)),
        ],
    )
    return client


def test_jobs_have_the_power_of_their_chips_now(jobs):
    """Each chip counts once, whether it tells every second or every minute."""
    rows = {row["job_name"]: row for row in ask(jobs, BOARD, "Jobs that draw most", view(T))}

    assert list(rows) == ["vision", "base-model", "(none)"]
    assert rows["base-model"] == {
        "job_name": "base-model", "site": "virginia", "fleet": "frontier", "platform": "nvidia",
        "power_w": pytest.approx(700), "chips": pytest.approx(1), "chip_w": pytest.approx(700),
        "busy": pytest.approx(1),
    }  # fmt: skip
    assert (rows["(none)"]["power_w"], rows["(none)"]["busy"]) == (pytest.approx(300), pytest.approx(0.2))
    assert (rows["vision"]["power_w"], rows["vision"]["chips"]) == (pytest.approx(800), pytest.approx(2))


def test_jobs_follow_the_variables(jobs):
    """Of another site nothing is shown; with fleets of one cadence only, those of the other are not asked for."""
    assert [row["job_name"] for row in ask(jobs, BOARD, "Jobs that draw most", view(T, site=["oregon"]))] == ["vision"]
    assert ask(jobs, BOARD, "Jobs that draw most", view(T, site=["nowhere"])) == []


def test_nothing_stored_shows_nothing(client):
    """Every panel is empty, and none of them fails."""
    for panel in BOARD["panels"]:
        if panel.get("targets"):
            assert ask(client, BOARD, panel["title"], view(T)) == [], panel["title"]
