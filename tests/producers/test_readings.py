import math

from hypothesis import given
from hypothesis import strategies as st

from producers.metering import Rectangle
from producers.readings import Chip, HostMeters, Reading, Trial, hottest, share, summary, watts, within
from producers.source import Tick, Where

START_MS = 1_790_000_000_000
CHIP = Chip("GPU-0", "h100-sxm")


def tick(second):
    return Tick(START_MS + second * 1000, 1000)


class Host:
    """One chip whose readings are given second by second."""

    def __init__(self, **options):
        self.meters = HostMeters(Where("north", "train", "node-7"), "amd", power_error_w=None, **options)

    def at(self, second, **shown):
        batches = self.meters.batches(tick(second), [(CHIP, Reading(**shown))])
        return batches[0].samples.to_pylist()[0] if batches else None


def test_a_number_is_within_its_limits_or_none():
    """Anything else that a library hands out is a missing value."""
    assert within(5, 0, 10) == 5
    assert [within(value, 0, 10) for value in (-1, 11, math.nan, math.inf, "5", None, True, [])] == [None] * 8


def test_zero_watts_are_no_reading():
    """A sensor that is not there shows 0; 0xFFFF is AMD's "N/A", and more than any chip draws."""
    assert watts(300) == 300
    assert [watts(value) for value in (0, 0.0, -1, 0xFFFF, "N/A", math.nan)] == [None] * 6


def test_a_percentage_is_a_share():
    """A counter's rounding may overshoot; what is further out is no percentage."""
    assert [share(value) for value in (0, 50, 100.4)] == [0.0, 0.5, 1.0]
    assert [share(value) for value in (102, 0xFFFF, -1, "N/A")] == [None] * 4


def test_the_hottest_sensor_counts():
    """Sensors that show nothing are left out."""
    assert hottest(61, None, 70.5, 0xFFFF, "N/A") == 70.5
    assert hottest(None) is None


def test_failures_are_one_line():
    """The first is told, the others are counted."""
    assert summary(["a"]) == "a"
    assert summary(["a", "b", "c"]) == "a; b; c"
    assert summary(["a", "b", "c", "d", "e"]) == "a; b; c (and 2 more)"


def test_a_chip_of_which_nothing_changes_is_frozen_where_a_counter_should_count():
    """One that the sensor alone tells of may rest; a counter that was never believed tells nothing."""
    frozen, resting, doubted = Host(), Host(), Host(doubted=True)
    for second in range(5):
        shown = {"sensor_w": 300.0, "utilization": 0.0}
        counted = 1_000.0 + 300.0 * min(second, 2)
        assert (frozen.at(second, energy_j=counted, **shown) is None) == (second > 2)
        assert resting.at(second, **shown) is not None
        doubtful = doubted.at(second, energy_j=1_000.0, **shown)
        assert (doubtful is None) == (second in (1, 2))  # as one that is stuck is waited for


def test_a_reading_is_a_sample():
    """Host, labels and fields are the contract's; what was not shown is null."""
    sample = Host().at(0, sensor_w=300.0, energy_j=5.0, throttle=2, temperature_c=61.0)

    assert {name: value for name, value in sample.items() if value is not None and name != "ts"} == {
        "interval_ms": 1000,
        "site": "north",
        "fleet": "train",
        "platform": "amd",
        "model": "h100-sxm",
        "host": "node-7",
        "chip": "GPU-0",
        "power_w": 300.0,
        "power_method": "sensor",
        "temperature_c": 61.0,
        "throttle": 2,
        "energy_j": 5.0,
    }


def test_the_same_reading_twice_is_two_readings_where_nothing_dates_it():
    """An idle chip without a counter may show the same for hours."""
    host = Host()

    assert [host.at(second, sensor_w=75.0)["interval_ms"] for second in range(3)] == [1000] * 3


def test_a_reading_of_the_same_time_is_a_copy():
    """It says nothing new, and the next that does stands for all the time."""
    host = Host()
    told = [host.at(second, sensor_w=75.0, shown_at=second // 3) for second in range(7)]

    assert [sample and sample["interval_ms"] for sample in told] == [1000, None, None, 3000, None, None, 3000]


def test_a_forgotten_chip_begins_anew():
    """Its counter may have started again from nothing, and gone further than it was."""
    host = Host()
    host.at(0, energy_j=100.0, sensor_w=90.0)
    host.meters.forget(CHIP)

    assert host.at(1, energy_j=5000.0, sensor_w=90.0)["power_method"] == "sensor"


def test_a_counter_in_doubt_is_believed_once_it_agrees_with_the_sensor():
    """At the first difference, where it tells about as much."""
    host = Host(doubted=True)
    told = [host.at(second, energy_j=100.0 * second + 1, sensor_w=110.0) for second in range(3)]

    assert [(sample["power_w"], sample["power_method"]) for sample in told] == [
        (110.0, "sensor"),
        (100.0, "counter"),
        (100.0, "counter"),
    ]


def test_a_counter_that_runs_a_hundred_times_too_slow_is_never_believed():
    """The sensor counts: an MI100 was seen to do so."""
    host = Host(doubted=True)
    told = [host.at(second, energy_j=1.0 * second + 1, sensor_w=100.0) for second in range(30)]

    assert {(sample["power_w"], sample["power_method"]) for sample in told} == {(100.0, "sensor")}


def test_the_sensor_of_a_counter_in_doubt_stands_for_its_period_only():
    """What the counter says of a gap is in doubt, and the sensor says nothing of it."""
    host = Host(doubted=True)
    host.at(0, energy_j=1.0, sensor_w=100.0)

    assert host.at(1, energy_j=2.0, sensor_w=100.0)["interval_ms"] == 1000
    assert host.at(9, energy_j=10.0, sensor_w=100.0)["interval_ms"] == 1000


def test_a_believed_counter_stays_believed():
    """A load that starts within a second parts counter and sensor for that second."""
    trial = Trial(believes=False)
    assert trial.step(tick(0), Rectangle(1000, 100.0, "counter"), 150.0).method == "counter"
    assert trial.step(tick(1), Rectangle(1000, 100.0, "counter"), 700.0).method == "counter"


def test_a_counter_without_a_sensor_is_believed():
    """Nothing contradicts it."""
    host = Host(doubted=True)
    host.at(0, energy_j=1.0)

    assert host.at(1, energy_j=2.0)["power_method"] == "counter"


ANY = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(["N/A", 0xFFFF, 2**64 - 1]),
)


@given(ANY)
def test_whatever_is_shown_becomes_a_value_in_range_or_none(value):
    """No exception, and nothing that the worker would refuse."""
    assert share(value) is None or 0 <= share(value) <= 1
    assert watts(value) is None or 0 < watts(value) <= 10_000
    assert hottest(value) is None or -60 <= hottest(value) <= 250
