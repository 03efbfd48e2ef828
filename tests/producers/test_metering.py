import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.metering import MAX_SENSOR_INTERVAL_MS, Meter, Rectangle, Watch
from producers.source import Tick
from schema.limits import MAX_INTERVAL_MS

START_MS = 1_790_000_000_000


class Chip:
    """One chip that is read every second; a second without a reading is a failed read."""

    def __init__(self):
        self.watch = Watch()
        self.meter = Meter()

    def at(self, second, energy_j=None, sensor_w=None, other=None):
        tick = Tick(START_MS + second * 1000, 1000)
        sight = self.watch.see(tick, (energy_j, sensor_w, other))
        return self.meter.step(tick, sight, energy_j, sensor_w)


def test_the_first_read_is_the_sensor_over_the_period():
    """There is no difference yet."""
    assert Chip().at(0, 1000.0, 300.0) == Rectangle(1000, 300.0, "sensor")


def test_a_counter_that_moves_at_each_read_is_the_power():
    """A hundred joules in a second are a hundred watts, whatever the sensor says."""
    chip = Chip()
    chip.at(0, 1000.0, 120.0)

    assert chip.at(1, 1100.0, 120.0) == Rectangle(1000, 100.0, "counter")
    assert chip.at(2, 1350.0, 120.0) == Rectangle(1000, 250.0, "counter")


def test_a_frozen_exporter_gives_one_rectangle_per_refresh():
    """Scraped each second and refreshed each 30 s: nothing 29 times, then 30 s at the true power."""
    chip = Chip()
    told = [chip.at(second, 1000.0 + 100.0 * 30 * (second // 30), 100.0) for second in range(91)]

    assert [second for second, rectangle in enumerate(told) if rectangle] == [0, 30, 60, 90]
    # At 30 s the counter may hold energy from before the first read: the sensor stands for the stretch.
    assert told[30] == Rectangle(30_000, 100.0, "sensor")
    assert told[60] == told[90] == Rectangle(30_000, 100.0, "counter")


def test_a_first_difference_with_energy_from_before_the_first_read_is_not_believed():
    """The exporter refreshed right after the first read: 30 s of energy are not one second's."""
    chip = Chip()
    chip.at(0, 1000.0, 100.0)

    assert chip.at(1, 4000.0, 100.0) == Rectangle(1000, 100.0, "sensor")
    assert chip.at(2, 4100.0, 100.0) == Rectangle(1000, 100.0, "counter")


def test_a_counter_that_starts_again_leaves_the_interval_to_the_sensor():
    """A driver was loaded anew: the power is the sensor's, never negative, and then the counter's again."""
    chip = Chip()
    chip.at(0, 5000.0, 90.0)
    chip.at(1, 5100.0, 90.0)

    assert chip.at(2, 40.0, 90.0) == Rectangle(1000, 90.0, "sensor")
    assert chip.at(3, 140.0, 90.0) == Rectangle(1000, 100.0, "counter")


@pytest.mark.parametrize("back_j", [0.5, 200.0, 900.0, 90_000.0])
def test_a_counter_that_steps_back_for_a_moment_is_counted_once_up_to_its_highest_value(back_j):
    """300 W all the time; what the way back up adds was counted before."""
    chip = Chip()
    told = [chip.at(at, 200_000.0 + 300.0 * at - (back_j if at in (5, 9, 10) else 0.0), 290.0) for at in range(16)]

    counted = [rectangle for rectangle in told[1:] if rectangle]
    assert sum(rectangle.watts * rectangle.interval_ms / 1000 for rectangle in counted) == pytest.approx(300.0 * 15)
    assert max(rectangle.watts for rectangle in counted) <= 300.0 + min(back_j, 300.0)
    assert {rectangle.method for rectangle in counted} == {"counter"}


def test_a_counter_that_steps_back_and_stays_there_counts_on_after_three_reads():
    """Until then the sensor stands for it."""
    chip = Chip()
    told = [chip.at(at, 200_000.0 + 300.0 * at - (5_000.0 if at >= 5 else 0.0), 290.0) for at in range(10)]

    assert told[5:8] == [None, None, Rectangle(3000, 290.0, "sensor")]
    assert told[8:] == [Rectangle(1000, 300.0, "counter")] * 2


def test_a_counter_that_shows_nearly_nothing_for_a_moment_adds_nothing_on_its_way_back():
    chip = Chip()
    told = [chip.at(at, 5.0 if at == 5 else 200_000.0 + 300.0 * at, 290.0) for at in range(10)]

    assert told[5:7] == [Rectangle(1000, 290.0, "sensor")] * 2
    assert told[7:] == [Rectangle(1000, 300.0, "counter")] * 3


def test_only_the_counter_spans_a_gap():
    """After failed reads the counter's energy is known for all of the gap, the sensor's only for its period."""
    chip = Chip()
    chip.at(0, 1000.0, 100.0)
    chip.at(1, 1100.0, 100.0)
    assert chip.at(7, 1700.0, 100.0) == Rectangle(6000, 100.0, "counter")

    sensor = Chip()
    sensor.at(0, None, 100.0)
    assert sensor.at(7, None, 110.0) == Rectangle(1000, 110.0, "sensor")


def test_a_reset_within_a_gap_shows_as_missing_coverage():
    """The sensor stands for its period, not for the time in which nobody looked."""
    chip = Chip()
    chip.at(0, 1000.0, 100.0)
    chip.at(1, 1100.0, 100.0)

    assert chip.at(7, 10.0, 100.0) == Rectangle(1000, 100.0, "sensor")


def test_a_sensor_without_a_counter_stands_for_what_was_frozen():
    """The exporter answered all the while, and refreshed after 30 s: the reading is of those 30 s."""
    chip = Chip()
    told = [chip.at(second, None, 100.0 + second // 30) for second in range(31)]

    assert [bool(rectangle) for rectangle in told] == [True, *[False] * 29, True]
    assert told[30] == Rectangle(30_000, 101.0, "sensor")


def test_a_sensor_does_not_stand_for_an_hour():
    """An exporter that hung for long while it answered is a gap, not one long reading."""
    chip = Chip()
    told = [chip.at(second, None, 100.0 if second < 3000 else 50.0) for second in range(3001)]

    assert told[3000] == Rectangle(MAX_SENSOR_INTERVAL_MS, 50.0, "sensor")


def test_a_counter_that_is_stuck_is_left_for_the_sensor():
    """Other values change and the counter does not: after three refreshes the sensor counts."""
    chip = Chip()
    told = [chip.at(second, 1000.0, 100.0 + second) for second in range(6)]

    assert [rectangle and rectangle.method for rectangle in told] == ["sensor", None, None, *["sensor"] * 3]


def test_a_refresh_that_is_half_done_waits_for_the_counter():
    """The power has changed and the counter will in a moment: the energy is then in one rectangle, once."""
    chip = Chip()
    chip.at(0, 1000.0, 100.0)
    chip.at(1, 1100.0, 100.0)

    assert chip.at(2, 1100.0, 101.0) is None
    assert chip.at(3, 1300.0, 101.0) == Rectangle(2000, 100.0, "counter")


def test_a_gap_beyond_the_longest_interval_starts_anew():
    """The contract has no rectangle of more than an hour."""
    chip = Chip()
    chip.at(0, 1000.0, 100.0)
    chip.at(1, 1100.0, 100.0)

    assert chip.at(2 + MAX_INTERVAL_MS // 1000, 500_000.0, 100.0) == Rectangle(1000, 100.0, "sensor")


def test_nothing_known_is_no_power():
    """Neither counter nor sensor: the rectangle has no watts and no method."""
    assert Chip().at(0, None, None) == Rectangle(1000, None, None)


@given(
    st.lists(
        st.tuples(
            st.floats(0, 9_000),
            st.floats(0, 1_000),
            st.sampled_from(["read"] * 6 + ["frozen", "failed", "reset", "back"]),
        ),
        min_size=2,
        max_size=60,
    )
)
def test_rectangles_never_overlap_and_never_invent_energy(steps):
    """Whatever happens, there is no overlap, no negative power, and no more joules than were counted."""
    chip, energy_j, counted_j, end_ms = Chip(), 0.0, 0.0, 0
    reported_j, shown = 0.0, (0.0, 0.0)
    for second, (watts, sensor_w, event) in enumerate(steps):
        energy_j = 0.0 if event == "reset" else energy_j + watts
        counted_j += watts
        if event == "failed":
            continue
        if event != "frozen":
            shown = (energy_j * 0.9 if event == "back" else energy_j, sensor_w)
        rectangle = chip.at(second, *shown)
        if rectangle is None:
            continue
        ts_ms = START_MS + second * 1000
        assert ts_ms - rectangle.interval_ms >= end_ms or end_ms == 0
        assert rectangle.watts is not None
        assert rectangle.watts >= 0
        end_ms = ts_ms
        if rectangle.method == "counter":
            reported_j += rectangle.watts * rectangle.interval_ms / 1000
    assert reported_j <= counted_j * (1 + 1e-9) + 1e-6


def test_counter_rectangles_add_up_to_the_counter():
    """Energy is exact: what the rectangles hold from one change to another is the counter's difference."""
    chip = Chip()
    energies = [1000.0 + 37.5 * (second // 3) for second in range(40)]
    total_j = sum(
        rectangle.watts * rectangle.interval_ms / 1000
        for second, energy_j in enumerate(energies)
        if (rectangle := chip.at(second, energy_j, 12.0)) and rectangle.method == "counter"
    )

    assert total_j == pytest.approx(energies[-1] - energies[3])  # from the first change that was seen
